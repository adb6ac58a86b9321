"""Which alerts tell of the same fault: pure rules over the lineage graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from platform_core.catalog.lineage import Lineage
from platform_core.monitoring.alert import Alert, AlertKind

JOB, VIEW = "urn:vigia:job:", "urn:vigia:feature_view:"
SHARED_SYMPTOMS: frozenset[AlertKind] = frozenset({"latency", "errors"})
"""Seen on several tenants at once they point to what the tenants share: a store, a model server. Stale or shifted data
of two tenants are two faults until shown otherwise, for their approvers differ."""


class Sign(NamedTuple):
    """What of an alert decides where it belongs."""

    subject: str
    tenant: str | None
    kind: AlertKind


def sign_of(alert: Alert, lineage: Lineage) -> Sign:
    """Whose the subject is decides, where the platform knows it; the label speaks for what tenants share."""
    return Sign(alert.subject, lineage.tenant(alert.subject) or alert.tenant, alert.kind)


def related(first: Sign, second: Sign, lineage: Lineage) -> bool:
    """Whether two signs may have one cause: connected in the lineage, within a tenant unless the symptom is shared."""
    if (first.kind == "cost") != (second.kind == "cost"):
        return False
    one, other = _worked_on(first.subject, lineage), _worked_on(second.subject, lineage)
    if first.tenant and second.tenant and first.tenant != second.tenant:
        shared = first.kind == second.kind and first.kind in SHARED_SYMPTOMS
        return shared and lineage.connected(one, other)
    return lineage.connected(one, other, tenant=first.tenant or second.tenant)


def _worked_on(subject: str, lineage: Lineage) -> str:
    """A job that fills a feature view fails by what feeds the view, though nothing feeds the job: it stands where the
    view does."""
    if not subject.startswith(JOB):
        return subject
    nearest = next(iter(lineage.downstream(subject)), subject)
    return nearest if nearest.startswith(VIEW) else subject


def cluster(signs: Iterable[tuple[Sign, datetime]], lineage: Lineage, window: timedelta) -> list[set[Sign]]:
    """Connected components of signs that are related and began within `window` of each other.

    A sign that was seen several times spans from its first to its last time, so a storm costs no more than its
    distinct signs.
    """
    spans: dict[Sign, tuple[datetime, datetime]] = {}
    for sign, at in signs:
        first, last = spans.get(sign, (at, at))
        spans[sign] = (min(first, at), max(last, at))
    clusters: list[set[Sign]] = []
    for sign, span in spans.items():
        touching = [c for c in clusters if any(_near(span, spans[o], window) and related(sign, o, lineage) for o in c)]
        clusters = [c for c in clusters if c not in touching]
        clusters.append({sign}.union(*touching))
    return clusters


def belongs(signs: Iterable[Sign], known: Sequence[Sign], lineage: Lineage) -> bool:
    return any(related(sign, other, lineage) for sign in signs for other in known)


def _near(a: tuple[datetime, datetime], b: tuple[datetime, datetime], window: timedelta) -> bool:
    return a[0] - window <= b[1] and b[0] - window <= a[1]
