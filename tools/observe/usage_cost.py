"""What an endpoint is used for and what it costs, and how many replicas its use would need."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time, timedelta

import numpy as np
from pydantic import Field

from platform_core.operations.timeline import UsageRecord
from platform_core.view import PlatformView
from tools.answers import no_data, success
from tools.contract import Chart, Observation, Series, ToolArguments
from tools.declaration import Tool
from tools.reading import endpoint_resource, name_of
from tools.statistics import ratio

TARGET_UTILIZATION = 0.5
"""CPU the busiest replica should run at: half, so that one of two may be lost."""
RECENT_DAYS = 7
DAYS_A_MONTH = 30.4


class Arguments(ToolArguments):
    endpoint: str
    days: int = Field(default=30, ge=2, le=365)


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Daily usage records; the last 7 days against the days before."""
    resource, spec = endpoint_resource(platform, name_of(arguments.endpoint, "endpoint"))
    today = platform.clock.now().date()
    first = today - timedelta(days=arguments.days)
    records = platform.operations.usage(resource.urn, first, today)
    name = resource.urn.rsplit(":", 1)[1]
    if not records:
        note = f"usage of {resource.urn} from {first} to {today}"
        return no_data(f"no usage recorded for {name}", {"days": 0, "replicas": spec.replicas}, note=note)
    recent, earlier = records[-RECENT_DAYS:], records[:-RECENT_DAYS]
    requests, before = _mean(recent, "requests"), _mean(earlier, "requests")
    cpu = _mean(recent, "cpu_utilization") or 0.0
    peak = max(r.cpu_utilization for r in recent)
    daily = _mean(recent, "billed_cost") or 0.0
    suggested = max(1, math.ceil(spec.replicas * peak / TARGET_UTILIZATION))
    saving = daily * DAYS_A_MONTH * max(0.0, 1 - suggested / spec.replicas) if spec.replicas else 0.0
    figures = {
        "days": len(records),
        "requests_per_day": requests,
        "requests_per_day_before": before,
        "requests_ratio": ratio(requests, before),
        "peak_requests_per_day": max(r.requests for r in records),
        "cpu_utilization": cpu,
        "cpu_peak": peak,
        "replicas": spec.replicas,
        "cost_per_day_usd": daily,
        "cost_per_month_usd": daily * DAYS_A_MONTH,
        "cost_ratio": ratio(daily, _mean(earlier, "billed_cost")),
        "idle": peak < 0.05,
        "suggested_replicas": suggested,
        "monthly_saving_usd": saving,
        "p99_latency_ms": max(r.p99_latency_ms for r in recent),
    }
    step = max(1, math.ceil(len(records) / 20))
    points = tuple((_midnight(r), float(r.requests)) for r in records[::step])
    chart = Chart(title=f"{name}: requests a day", unit="requests", series=(Series(name="requests", points=points),))
    summary = (
        f"{name}: {requests or 0:.0f} requests a day on {spec.replicas} replicas at {cpu:.1%} CPU, "
        f"{daily * DAYS_A_MONTH:.0f} USD a month; {suggested} would do"
    )
    return success(summary, figures, chart)


def _mean(records: list[UsageRecord], field: str) -> float | None:
    return float(np.mean([getattr(r, field) for r in records])) if records else None


def _midnight(record: UsageRecord) -> datetime:
    return datetime.combine(record.day, time(), UTC)


TOOL = Tool(
    name="usage_cost",
    summary="Requests, CPU, replicas and cost of an endpoint, and the replicas its use would need",
    arguments=Arguments,
    example={"endpoint": "fraud-legacy", "days": 30},
    figures={
        "days": "days with a usage record",
        "requests_per_day": "mean of the last 7 days",
        "requests_per_day_before": "mean of the days before",
        "requests_ratio": "the one over the other",
        "peak_requests_per_day": "busiest day of all",
        "cpu_utilization": "mean share of the provisioned CPU used in the last 7 days, 0..1",
        "cpu_peak": "highest daily mean among them",
        "replicas": "replicas asked for",
        "cost_per_day_usd": "mean billed cost of the last 7 days",
        "cost_per_month_usd": "the same times 30.4",
        "cost_ratio": "cost of the last 7 days over the days before",
        "idle": "whether cpu_peak is under 5 %",
        "suggested_replicas": "replicas at which the peak would use half of the CPU, at least 1",
        "monthly_saving_usd": "what that would save a month at the present price",
        "p99_latency_ms": "worst daily p99 of the last 7 days",
    },
    run=observe,
)
