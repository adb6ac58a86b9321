"""Faults on the timeline: what keeps a model or an endpoint from working appears when it begins and when it is over."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from foundation.ids import new_id
from platform_core.operations.resources import Resource
from platform_core.operations.timeline import ChangeEvent
from platform_core.urn import parse_urn

TOLD: dict[str, tuple[str, ...]] = {"endpoint": ("error",), "model": ("unusable_because", "error")}
"""By kind of resource: where its controller says in the status what is wrong."""

REPORTER = "service:platform"
LATELY = timedelta(minutes=10)
MOST_ALIKE = 3
"""In the time called lately. Controllers of one thing may see it differently, as where one of two workers cannot read a
file that the other has in memory: they contradict each other several times a second, for as long as that is so."""

_LONGEST = 500


def told_faults(
    resource: Resource, status: dict[str, Any], at: datetime, lately: Collection[ChangeEvent] = ()
) -> Iterator[ChangeEvent]:
    """What `status` has that `resource` did not have before, or has no more. `lately`: what was told since
    `at - LATELY`; what is among it MOST_ALIKE times is not told again."""
    said = [event.summary for event in lately]
    for name in TOLD.get(resource.spec.kind, ()):
        before, now = resource.status.get(name), status.get(name)
        if now != before:
            event = fault(resource.urn, str(now) if now else f"over: {before}", at=at, tenant=resource.tenant)
            if said.count(event.summary) < MOST_ALIKE:
                yield event


def fault(subject: str, said: str, *, at: datetime, tenant: str | None = None, author: str = REPORTER) -> ChangeEvent:
    summary = f"{parse_urn(subject)[1]}: {said}"[:_LONGEST]
    return ChangeEvent(
        id=new_id("chg"), at=at, kind="fault", subject=subject, tenant=tenant, summary=summary, author=author
    )
