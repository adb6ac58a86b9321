"""What a monitor is: one file in this package, one kind of alert, configured by `monitor` resources."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import ClassVar, Literal

from foundation.errors import NotFound, VigiaError
from platform_core.catalog.specs import Catalog
from platform_core.monitoring.alert import Alert, AlertKind, Severity
from platform_core.operations.resources import MonitorSpec
from platform_core.urn import parse_urn
from platform_core.view import PlatformView

SOURCE = "vigia-monitors"

Watched = Literal["view", "column", "source", "endpoint"]
"""What a monitor's name is made of after its prefix: `<view>-<tenant>`, `<source>-<column>`, or the one name."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watch:
    """One monitor resource: what is watched, and how strictly. `parts` are (view, tenant), (source, column)
    or (name,)."""

    name: str
    parts: tuple[str, ...]
    tenant: str | None
    spec: MonitorSpec


class Monitor(ABC):
    """`check` returns an alert for everything that is wrong now, with `starts_at` = now; the runner knows since when.

    `readings` holds the last figure per monitor name, breached or not: what `/metrics` shows; `parts` what each is of.
    `blind` says of each watch that could not be evaluated why: it must not keep the others of its kind from being
    looked at.
    """

    prefix: ClassVar[str]
    """Monitor resources whose name begins with `<prefix>-` configure this monitor."""

    watched: ClassVar[Watched]

    def __init__(self) -> None:
        self.readings: dict[str, float] = {}
        self.parts: dict[str, tuple[str, ...]] = {}
        self.blind: dict[str, str] = {}

    def check(self, view: PlatformView) -> list[Alert]:
        known, self.blind = self.blind, {}
        found: list[Alert] = []
        for watch in self.watches(view):
            try:
                alert = self.look(view, watch)
            except VigiaError as error:
                self._unseen(watch.name, str(error))
            except Exception as error:  # noqa: BLE001 - an engine's own error about one watch must not end the others
                if watch.name not in known:
                    _log.warning("monitor %s failed", watch.name, exc_info=True)
                self._unseen(watch.name, f"{type(error).__name__}: {error}")
            else:
                if alert is not None:
                    found.append(alert)
        return found

    def watches(self, view: PlatformView) -> list[Watch]:
        """The monitor resources with this prefix; those of what the catalog does not hold become blind."""
        found: list[Watch] = []
        for resource in view.resources.list(kind="monitor"):
            _kind, name = parse_urn(resource.urn)
            if not name.startswith(f"{self.prefix}-") or not isinstance(resource.spec, MonitorSpec):
                continue
            try:
                parts = parts_of(view.catalog, self.watched, name.removeprefix(f"{self.prefix}-"))
            except NotFound as error:
                self._unseen(name, str(error))
                continue
            self.parts[name] = parts
            found.append(Watch(name, parts, resource.tenant, resource.spec))
        for gone in self.parts.keys() - {watch.name for watch in found}:
            del self.parts[gone]
            self.readings.pop(gone, None)
        return found

    def _unseen(self, name: str, reason: str) -> None:
        self.blind[name] = reason
        self.readings.pop(name, None)

    @abstractmethod
    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        """Evaluate one watch. Raises a VigiaError when it cannot be."""


def parts_of(catalog: Catalog, watched: Watched, name: str) -> tuple[str, ...]:
    """What `name` is made of, by what the catalog holds: names may have `-` in them. Raises NotFound for another."""
    if watched == "endpoint":
        return (name,)
    known = {"-".join(parts): parts for parts in _watchable(catalog, watched)}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    what = {"view": "feature view and tenant", "column": "source and column", "source": "source"}[watched]
    hint = f"did you mean {near[0]!r}?" if near else "remove the monitor, or bring back what it watches"
    raise NotFound(f"there is no {what} {name!r} in the catalog", hint=hint)


def _watchable(catalog: Catalog, watched: Watched) -> Iterable[tuple[str, ...]]:
    if watched == "view":
        return ((view.name, tenant) for view in catalog.feature_views for tenant in catalog.tenants(view.name))
    if watched == "column":
        return ((source.name, column.name) for source in catalog.sources for column in source.columns)
    return ((source.name,) for source in catalog.sources)


def first_few(said: Sequence[str], most: int) -> str:
    """`most` of them at most, and how many more there are."""
    return "; ".join([*said[:most], *([f"and {len(said) - most} more"] if len(said) > most else [])])


def fingerprint(monitor: str, subject: str) -> str:
    """The same for every firing of one monitor about one subject."""
    return hashlib.sha256(f"{monitor}\n{subject}".encode()).hexdigest()


def alert(
    watch: Watch,
    kind: AlertKind,
    *,
    now: datetime,
    value: float,
    summary: str,
    severity: Severity = "warning",
) -> Alert:
    """What `watch` has to say about its subject."""
    return Alert(
        source=SOURCE,
        fingerprint=fingerprint(watch.name, watch.spec.subject),
        starts_at=now,
        kind=kind,
        subject=watch.spec.subject,
        tenant=watch.tenant,
        severity=severity,
        summary=summary,
        value=value,
        threshold=watch.spec.threshold,
        labels={"monitor": watch.name},
    )
