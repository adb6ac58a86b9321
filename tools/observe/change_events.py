"""What somebody changed near the start of the trouble: deploys, rollouts, campaigns, schema and configuration."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from platform_core.operations.timeline import ChangeEvent, ChangeKind
from platform_core.urn import parse_urn
from platform_core.view import PlatformView
from tools.answers import short, success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.profiles import column_profile, nulls_began
from tools.reading import find_source, window

REPORTED: tuple[ChangeKind, ...] = ("deploy", "rollout", "campaign", "schema", "config", "scale", "job", "traffic")
SETTLE = timedelta(minutes=2)
"""An event may carry a time slightly after the first row it touched was stored: clocks and batches differ."""


class Arguments(ToolArguments):
    subject: str
    """URN; its lineage upstream is looked at too."""

    minutes: int = Field(default=360, ge=5, le=60 * 24 * 60)
    tenant: str | None = None
    onset: datetime | None = None
    """When the trouble began, at the latest. With a source as subject and `column`, it is found instead: when the first
    row was stored since that column changed, or else since any column's null rate did."""

    column: str | None = None


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Events on the subject, on what feeds it, and tenant-wide campaigns; the nearest before the onset per kind."""
    kind, name = parse_urn(arguments.subject)
    tenant = arguments.tenant or platform.lineage.tenant(arguments.subject)
    span = window(platform, arguments.minutes)
    near = {arguments.subject, *platform.lineage.upstream(arguments.subject, tenant=tenant)}
    events = [
        event
        for event in platform.operations.changes(span.start, span.end)
        if event.subject in near or (event.kind in ("campaign", "traffic") and event.tenant in (tenant, None))
    ]
    onset = arguments.onset
    if kind == "source" and arguments.column is not None:
        source = find_source(platform, name)
        recent = window(platform, min(arguments.minutes, 180))
        profile = column_profile(platform, source, arguments.column, recent)
        onset = profile.arrived_at or nulls_began(platform, source, recent) or onset
    figures: dict[str, Any] = {"events": len(events), "onset": onset, "nearest_kind": None, "nearest_minutes": None}
    before = [e for e in events if onset is None or e.at <= onset + SETTLE]
    for reported in REPORTED:
        of_kind = [e for e in before if e.kind == reported]
        figures |= _latest(reported, of_kind, onset or span.end)
        figures[f"{reported}_count"] = sum(e.kind == reported for e in events)
    if before:
        last = max(before, key=lambda e: e.at)
        figures |= {"nearest_kind": last.kind, "nearest_minutes": _minutes(last, onset or span.end)}
    tail = "; ".join(f"{e.at:%H:%M} {e.kind} {short(e.summary, 60)}" for e in before[-3:])
    said = tail or f"nothing changed in {arguments.minutes} min before"
    return success(f"changes near {name}: {said}", figures)


def _latest(kind: str, events: list[ChangeEvent], onset: datetime) -> dict[str, Any]:
    last = max(events, key=lambda e: e.at, default=None)
    return {
        f"{kind}_at": last.at if last else None,
        f"{kind}_subject": last.subject if last else None,
        f"{kind}_minutes_before": _minutes(last, onset) if last else None,
        f"{kind}_summary": last.summary if last else None,
        f"{kind}_version": _version(last) if last else None,
    }


def _version(event: ChangeEvent) -> Any:
    """What the event brought: said outright, or as a field of the patch it was."""
    after = event.details.get("after")
    return event.details.get("version") or (after.get("version") if isinstance(after, dict) else None)


def _minutes(event: ChangeEvent, onset: datetime) -> float:
    return max(0.0, (onset - event.at).total_seconds() / 60)


TOOL = Tool(
    name="change_events",
    summary="Deploys, rollouts, campaigns and other changes upstream of a subject, nearest before the onset",
    arguments=Arguments,
    example={"subject": "urn:vigia:source:payments_br", "column": "amount", "minutes": 360},
    figures={
        "events": "changes in the window on the subject, upstream of it, or tenant-wide campaigns and traffic moves",
        "onset": "when the trouble began: the first changed row of `column` was stored, or the `onset` that was passed",
        "nearest_kind": "kind of the last change before the onset",
        "nearest_minutes": "minutes from it to the onset (to now when none is known)",
        "<kind>_count": "changes of this kind in the window",
        "<kind>_at": "time of the last of this kind before the onset",
        "<kind>_subject": "URN it was about",
        "<kind>_minutes_before": "minutes from it to the onset",
        "<kind>_summary": "its author's words, verbatim",
        "<kind>_version": "the version it brought, if it says so",
    },
    run=observe,
)
