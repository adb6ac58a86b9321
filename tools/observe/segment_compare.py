"""The same column across all tenants' sources: which moved, which did not. A fault of one has a local cause."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from platform_core.view import PlatformView
from tools.answers import no_data, success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.profiles import column_profile
from tools.reading import window


class Arguments(ToolArguments):
    column: str
    minutes: int = Field(default=180, ge=5, le=10080)
    until: datetime | None = None


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Profile the column in every source that has it."""
    span = window(platform, arguments.minutes, arguments.until)
    figures: dict[str, Any] = {}
    moved: list[str] = []
    still: list[str] = []
    for source in platform.catalog.sources:
        if arguments.column not in {c.name for c in source.columns}:
            continue
        profile = column_profile(platform, source, arguments.column, span)
        if profile.times.size == 0:
            figures[f"moved_{source.name}"] = None
            continue
        changed = profile.changed_at is not None
        (moved if changed else still).append(source.name)
        figures[f"moved_{source.name}"] = changed
    query = f"{arguments.column} of all sources from {span.start.isoformat()} to {span.end.isoformat()}"
    if not figures:
        return no_data(f"no source has a column {arguments.column!r}", {"sources": 0}, note=query)
    figures |= {
        "sources": len(moved) + len(still),
        "moved": len(moved),
        "moved_sources": ", ".join(moved),
        "unmoved_sources": ", ".join(still),
        "only_one_moved": len(moved) == 1 and bool(still),
        "all_moved": bool(moved) and not still,
    }
    said = f"moved in {', '.join(moved) or 'none'}; unchanged in {', '.join(still) or 'none'}"
    return success(f"{arguments.column}: {said}", figures, note=query)


TOOL = Tool(
    name="segment_compare",
    summary="Which tenants' sources a column moved in, and which it did not",
    arguments=Arguments,
    example={"column": "amount", "minutes": 180},
    figures={
        "sources": "sources that were compared",
        "moved": "sources whose level or null rate changed",
        "moved_sources": "their names",
        "unmoved_sources": "the names of the others",
        "only_one_moved": "whether exactly one moved while others did not",
        "all_moved": "whether every one moved",
        "moved_<source>": "whether this source moved; none without rows",
    },
    run=observe,
)
