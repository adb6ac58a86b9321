"""Post-conditions that several actions share."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from guardrails.proposal import Plan, PostCondition
from platform_core.operations.resources import RolloutSpec
from platform_core.urn import parse_urn, urn
from platform_core.view import PlatformView

DECLINE_Z = 3.0
"""Standard errors over the usual decline rate that a recovery may still show: a few minutes hold few requests."""
ENOUGH_REQUESTS = 12
"""Under so many a decline rate is a guess; score_distribution then gives no z."""
SHORTEST_MINUTES, LONGEST_MINUTES = 10, 30


def set_to(plan: Plan, field: str, value: str | bool, said: str) -> PostCondition:
    """The target's spec says what was asked for: for effects that could look right before anything was done."""
    return PostCondition(
        tool="resource_status",
        arguments={"urn": plan.target},
        figure=field,
        operator="==",
        threshold=value,
        description=said,
    )


def changed_since(plan: Plan, said: str) -> PostCondition:
    """The target's spec is no longer the one that was planned against; for fields that are not a single value."""
    return PostCondition(
        tool="resource_status",
        arguments={"urn": plan.target},
        figure="revision",
        operator=">",
        threshold=float(plan.target_revision),
        description=said,
    )


def views_fresh(platform: PlatformView, source: str, *, within_seconds: float = 900) -> list[PostCondition]:
    """Every view fed by `source` is within its freshness SLA for the source's tenant."""
    tenant = platform.catalog.source(source).tenant
    return [
        PostCondition(
            tool="freshness",
            arguments={"view": view.name, "tenant": tenant},
            figure="over_sla",
            operator="==",
            threshold=False,
            description=f"{view.name} of {tenant} is within its freshness SLA",
            within_seconds=within_seconds,
        )
        for view in platform.catalog.feature_views
        if source in view.sources
    ]


def values_before(platform: PlatformView, source: str, since: datetime) -> list[PostCondition]:
    """No online value of the source's tenant comes from an event at or after `since`."""
    tenant = platform.catalog.source(source).tenant
    return [
        PostCondition(
            tool="online_rows",
            arguments={"view": view.name, "tenant": tenant, "since": since.isoformat()},
            figure="none_since",
            operator="==",
            threshold=True,
            description=f"{view.name} of {tenant} serves values of before {since:%H:%M:%S} UTC",
            within_seconds=900,
        )
        for view in platform.catalog.feature_views
        if source in view.sources
    ]


def rows_as_before(source: str, *, changed: str, usual_until: datetime) -> PostCondition:
    """Rows of `source` stored since `changed` was last changed are as those stored before `usual_until`."""
    return PostCondition(
        tool="rows_since_change",
        arguments={"source": source, "changed": changed, "usual_until": usual_until.isoformat()},
        figure="as_before",
        operator="==",
        threshold=True,
        description=f"rows that {source} got since are as before {usual_until:%H:%M} UTC: no column lost or moved",
        # a quiet tenant needs a while for enough rows
        within_seconds=2400,
    )


def declines_usual(
    platform: PlatformView, endpoint: str, usual_until: datetime | None, *, changed: str
) -> list[PostCondition]:
    """The endpoint's decline rate since `changed` was changed is what it was before `usual_until`, over as many minutes
    as bring enough requests; nothing for an endpoint so quiet that half an hour would not."""
    per_minute = requests_per_minute(platform, endpoint)
    if per_minute * LONGEST_MINUTES < ENOUGH_REQUESTS:
        return []
    minutes = max(SHORTEST_MINUTES, math.ceil(1.5 * ENOUGH_REQUESTS / per_minute))
    arguments: dict[str, object] = {"endpoint": endpoint, "minutes": minutes, "changed": changed}
    if usual_until is not None:
        arguments["usual_until"] = usual_until.isoformat()
    return [
        PostCondition(
            tool="score_distribution",
            arguments=arguments,
            figure="decline_z",
            operator="<",
            threshold=DECLINE_Z,
            description=f"decline rate of {endpoint} back to usual",
            within_seconds=900 + 60 * minutes,
        )
    ]


def endpoints_downstream(platform: PlatformView, target: str, tenant: str | None) -> list[str]:
    """Names of the endpoints that `target` feeds and that read features (a retired one answers nothing to judge)."""
    names: list[str] = []
    for node in platform.lineage.downstream(target, tenant=tenant):
        kind, name = parse_urn(node)
        if kind == "endpoint" and isinstance(platform.resources.get(node).spec, RolloutSpec):
            names.append(name)
    return names


def busy_endpoints(platform: PlatformView, target: str, tenant: str | None) -> list[str]:
    """Those of `endpoints_downstream` that answer at least once a minute: the others cannot show a recovery."""
    names = endpoints_downstream(platform, target, tenant)
    return [name for name in names if requests_per_minute(platform, name) >= 1]


def requests_per_minute(platform: PlatformView, endpoint: str) -> float:
    """Mean of the last half hour."""
    now = platform.clock.now()
    start = now - timedelta(minutes=LONGEST_MINUTES)
    return platform.predictions.read(start, now, endpoint=endpoint).num_rows / LONGEST_MINUTES


def jobs_succeed(platform: PlatformView, source: str, column: str) -> list[PostCondition]:
    """The materialization of every view that reads `column` of `source` succeeds for the source's tenant."""
    tenant = platform.catalog.source(source).tenant
    conditions: list[PostCondition] = []
    for view in platform.catalog.feature_views:
        reads = {platform.catalog.entity(view.entity).join_key, *(a.column for a in view.aggregations)}
        if source in view.sources and column in reads:
            conditions.append(
                PostCondition(
                    tool="job_history",
                    arguments={"job": urn("job", f"materialize-{view.name}"), "tenant": tenant},
                    figure="last_status",
                    operator="==",
                    threshold="succeeded",
                    description=f"materialize-{view.name} succeeds for {tenant}",
                    within_seconds=900,
                )
            )
    return conditions
