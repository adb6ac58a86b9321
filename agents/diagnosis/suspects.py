"""Which of several sources an alert without a tenant is about: a cheap look at each before one is probed in full."""

from __future__ import annotations

from collections.abc import Sequence

from platform_core.catalog.specs import DataSource
from platform_core.view import PlatformView
from tools.contract import Figure
from tools.registry import observe_tools
from tools.runner import ToolRunner


def suspects(sources: Sequence[DataSource], column: str | None, platform: PlatformView) -> tuple[DataSource, ...]:
    """Those of `sources` in which something is wrong, most signs first: `column` moved, the connector does not run, a
    column is null or renamed, or a view it feeds is stale. Empty when nothing can be seen in any of them."""
    runner = ToolRunner(platform, observe_tools())

    def figures(tool: str, **arguments: str) -> dict[str, Figure]:
        return runner.run(tool, arguments).observation.figures

    moved = figures("segment_compare", column=column) if column is not None else {}

    def signs(source: DataSource) -> int:
        connector = figures("connector_status", source=source.name)
        quality = figures("source_quality", source=source.name)
        return sum(
            (
                moved.get(f"moved_{source.name}") is True,
                connector.get("failed") is True or figures("source_volume", source=source.name).get("silent") is True,
                quality.get("value_nulls") is True or quality.get("key_nulls") is True,
                any(
                    figures("freshness", view=view.name, tenant=source.tenant).get("over_sla") is True
                    for view in platform.catalog.feature_views
                    if source.name in view.sources
                ),
            )
        )

    counted = [(signs(source), source) for source in sources]
    return tuple(source for count, source in sorted(counted, key=lambda c: (-c[0], c[1].name)) if count)
