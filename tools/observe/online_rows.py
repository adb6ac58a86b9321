"""Whether values online come from events since a moment: what a quarantine must have taken back."""

from __future__ import annotations

from datetime import datetime

from pydantic import field_validator

from platform_core.view import PlatformView
from tools.answers import no_data, success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import find_view, source_of_tenant

SAMPLE = 500


class Arguments(ToolArguments):
    view: str
    tenant: str
    since: datetime

    @field_validator("since")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("a time carries its zone, e.g. 2026-11-19T05:51:00Z")
        return value


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Look at the newest event of the view and at the 500 most recently written rows."""
    view = find_view(platform, arguments.view)
    source_of_tenant(platform, view, arguments.tenant)
    newest = platform.online.newest_event(arguments.tenant, view.name)
    rows = platform.online.sample(arguments.tenant, view.name, SAMPLE)
    where = f"{view.name} of {arguments.tenant}"
    if not rows or newest is None:
        return no_data(f"{where} has no online rows", {"sampled": 0}, note=f"sample of {where}")
    late = sum(row.event_ts >= arguments.since for row in rows)
    figures = {
        "sampled": len(rows),
        "rows_since": late,
        "newest_event": newest,
        "none_since": late == 0 and newest < arguments.since,
    }
    return success(
        f"{where}: {late} of {len(rows)} online rows come from events since {arguments.since:%H:%M:%S}", figures
    )


TOOL = Tool(
    name="online_rows",
    summary="Whether online values of a view come from events since a moment",
    arguments=Arguments,
    example={"view": "card_velocity", "tenant": "br", "since": "2026-11-19T05:51:00Z"},
    figures={
        "sampled": "online rows looked at, the most recently written",
        "rows_since": "those computed as of an event at or after the moment",
        "newest_event": "newest event time of the view online",
        "none_since": "whether there is none, in the sample and in the view's newest event",
    },
    run=observe,
)
