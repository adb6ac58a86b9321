"""What a monitor is: one file in this package, one kind of alert, configured by `monitor` resources."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from platform_core.monitoring.alert import Alert, AlertKind, Severity
from platform_core.operations.resources import MonitorSpec, Resource
from platform_core.urn import parse_urn
from platform_core.view import PlatformView

SOURCE = "vigia-monitors"


class Monitor(Protocol):
    """`check` returns an alert for everything that is wrong now, with `starts_at` = now; the runner knows since when.

    `readings` holds the last figure per monitor name, breached or not: what `/metrics` shows.
    """

    @property
    def prefix(self) -> str:
        """Monitor resources whose name begins with `<prefix>-` configure this monitor."""
        ...

    @property
    def readings(self) -> dict[str, float]: ...

    def check(self, view: PlatformView) -> list[Alert]: ...


@dataclass(frozen=True, slots=True)
class Watch:
    """One monitor resource: what is watched, and how strictly. `parts` is the name split after the prefix."""

    name: str
    parts: tuple[str, ...]
    tenant: str | None
    spec: MonitorSpec


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
