"""How old the newest online value of a feature view is, and whether the delay is before or after the offline store."""

from __future__ import annotations

from datetime import timedelta

from platform_core.view import PlatformView
from tools.answers import success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import arrow, find_view, source_of_tenant, source_spec

LOOK_BACK = timedelta(hours=24)


class Arguments(ToolArguments):
    view: str
    tenant: str


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Event-time lag of the online store against now, and against the newest event that arrived offline."""
    view = find_view(platform, arguments.view)
    source = source_of_tenant(platform, view, arguments.tenant)
    now = platform.clock.now()
    online = platform.online.newest_event(arguments.tenant, view.name)
    arrived = platform.offline.read(
        source.table,
        start=now - LOOK_BACK,
        end=now,
        columns=[source.event_timestamp],
        time_column=source.event_timestamp,
    ).column(source.event_timestamp)
    offline = arrow.max(arrived).as_py() if len(arrived) else None
    quarantine = source_spec(platform, source.name).quarantine_since
    sla = view.freshness_sla.total_seconds()
    lag = (now - online).total_seconds() if online is not None else LOOK_BACK.total_seconds()
    behind = (offline - online).total_seconds() if offline is not None and online is not None else None
    figures = {
        "lag_seconds": lag,
        "sla_seconds": sla,
        "over_sla": lag > sla,
        "online_newest": online,
        "offline_newest": offline,
        "offline_lag_seconds": (now - offline).total_seconds() if offline is not None else LOOK_BACK.total_seconds(),
        "behind_offline_seconds": behind,
        "materialization_behind": (behind is None and offline is not None) or (behind or 0.0) > sla,
        "quarantined": quarantine is not None,
    }
    where = "never materialized" if online is None else f"newest online value is {lag / 60:.1f} min old"
    return success(f"{view.name} of {arguments.tenant}: {where} (SLA {sla / 60:.0f} min)", figures)


TOOL = Tool(
    name="freshness",
    summary="Event-time lag of a feature view's online values, split into arrival and materialization",
    arguments=Arguments,
    example={"view": "card_velocity", "tenant": "br"},
    figures={
        "lag_seconds": "now minus the newest online event time (a day when there is none)",
        "sla_seconds": "the view's freshness SLA",
        "over_sla": "whether the lag is over the SLA",
        "online_newest": "newest event time online",
        "offline_newest": "newest event time in the tenant's source table within a day",
        "offline_lag_seconds": "now minus the newest offline event time (a day when there is none)",
        "behind_offline_seconds": "newest offline minus newest online event time",
        "materialization_behind": "whether online lies more than the SLA behind what has arrived offline",
        "quarantined": "whether the source is quarantined, which holds online values back on purpose",
    },
    run=observe,
)
