"""Post-conditions that several actions share."""

from __future__ import annotations

from datetime import datetime, timedelta

from guardrails.proposal import PostCondition
from platform_core.operations.resources import RolloutSpec
from platform_core.urn import parse_urn, urn
from platform_core.view import PlatformView

DECLINE_Z = 3.0
"""Standard errors over the usual decline rate that a recovery may still show: a few minutes hold few requests."""


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


def declines_usual(
    endpoint: str, usual_until: datetime | None, *, minutes: float = 5, within_seconds: float = 900
) -> PostCondition:
    """The endpoint's decline rate is back to what it was before `usual_until`."""
    arguments: dict[str, object] = {"endpoint": endpoint, "minutes": minutes}
    if usual_until is not None:
        arguments["usual_until"] = usual_until.isoformat()
    return PostCondition(
        tool="score_distribution",
        arguments=arguments,
        figure="decline_z",
        operator="<",
        threshold=DECLINE_Z,
        description=f"decline rate of {endpoint} is back to usual",
        within_seconds=within_seconds,
    )


def endpoints_downstream(platform: PlatformView, target: str, tenant: str | None) -> list[str]:
    """Names of the endpoints that `target` feeds and that read features (a retired one answers nothing to judge)."""
    names: list[str] = []
    for node in platform.lineage.downstream(target, tenant=tenant):
        kind, name = parse_urn(node)
        if kind == "endpoint" and isinstance(platform.resources.get(node).spec, RolloutSpec):
            names.append(name)
    return names


def busy_endpoints(platform: PlatformView, target: str, tenant: str | None, *, minutes: float = 30) -> list[str]:
    """Those of `endpoints_downstream` that answered anything lately: the others cannot show a recovery."""
    now = platform.clock.now()
    return [
        name
        for name in endpoints_downstream(platform, target, tenant)
        if platform.predictions.read(now - timedelta(minutes=minutes), now, endpoint=name).num_rows
    ]


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
