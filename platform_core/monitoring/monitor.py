"""What a monitor is: one file in this package, one kind of alert, configured by `monitor` resources."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from foundation.errors import VigiaError
from platform_core.monitoring.alert import Alert, AlertKind, Severity
from platform_core.operations.resources import MonitorSpec, Resource
from platform_core.urn import parse_urn
from platform_core.view import PlatformView

SOURCE = "vigia-monitors"


@dataclass(frozen=True, slots=True)
class Watch:
    """One monitor resource: what is watched, and how strictly. `parts` is the name split after the prefix."""

    name: str
    parts: tuple[str, ...]
    tenant: str | None
    spec: MonitorSpec


class Monitor(ABC):
    """`check` returns an alert for everything that is wrong now, with `starts_at` = now; the runner knows since when.

    `readings` holds the last figure per monitor name, breached or not: what `/metrics` shows. `blind` says of each
    watch that could not be evaluated why: it must not keep the others of its kind from being looked at.
    """

    prefix: ClassVar[str]
    """Monitor resources whose name begins with `<prefix>-` configure this monitor."""

    pieces: ClassVar[int]
    """Parts of the name after the prefix."""

    def __init__(self) -> None:
        self.readings: dict[str, float] = {}
        self.blind: dict[str, str] = {}

    def check(self, view: PlatformView) -> list[Alert]:
        self.blind = {}
        found: list[Alert] = []
        for watch in watches(view, self.prefix, self.pieces):
            try:
                alert = self.look(view, watch)
            except VigiaError as error:
                self.blind[watch.name] = str(error)
                self.readings.pop(watch.name, None)
                continue
            if alert is not None:
                found.append(alert)
        return found

    @abstractmethod
    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        """Evaluate one watch. Raises a VigiaError when it cannot be."""


def watches(view: PlatformView, prefix: str, pieces: int) -> Iterator[Watch]:
    """The monitor resources named `<prefix>-a-b…` with `pieces` parts after the prefix; the last may contain `-`."""
    for resource in view.resources.list(kind="monitor"):
        watch = _watch(resource, prefix, pieces)
        if watch is not None:
            yield watch


def _watch(resource: Resource, prefix: str, pieces: int) -> Watch | None:
    _kind, name = parse_urn(resource.urn)
    if not name.startswith(f"{prefix}-") or not isinstance(resource.spec, MonitorSpec):
        return None
    parts = tuple(name.removeprefix(f"{prefix}-").split("-", pieces - 1))
    return Watch(name, parts, resource.tenant, resource.spec) if len(parts) == pieces else None


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
