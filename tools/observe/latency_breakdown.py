"""Where the milliseconds go: the online store, the model, or neither; now against before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from pydantic import Field

from foundation.errors import NotFound
from platform_core.operations.resources import MonitorSpec
from platform_core.urn import urn
from platform_core.view import PlatformView
from tools.answers import line, no_data, success
from tools.contract import Chart, Observation, ToolArguments
from tools.declaration import Tool
from tools.profiles import moment
from tools.reading import endpoint_resource, floats_of, name_of, since_change, times_of, window
from tools.statistics import last_change_point, quantile, ratio

PARTS = ("latency", "store", "model")
SLOWER = 2.0
"""A part counts as slower when its median doubled and grew by a millisecond at least."""
BASELINE = timedelta(hours=3)
ENOUGH_REQUESTS = 20
"""Under so many a p99 is the slowest of a handful."""


class Arguments(ToolArguments):
    endpoint: str
    minutes: float = Field(default=10, ge=0.5, le=1440)
    until: datetime | None = None
    changed: str | None = None
    """URN: only requests since that resource's spec was last changed count as now, as they do for a recovery."""


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Split at the newest change of total latency within the last 3 h when there is one, else at the window's start."""
    name = name_of(arguments.endpoint, "endpoint")
    endpoint_resource(platform, name)
    span = since_change(platform, window(platform, arguments.minutes, arguments.until), arguments.changed)
    table = platform.predictions.read(span.end - BASELINE, span.end, endpoint=name)
    query = f"predictions of {name} from {(span.end - BASELINE).isoformat()} to {span.end.isoformat()}"
    times = times_of(table, "ts")
    order = np.argsort(times, kind="stable")
    times = times[order]
    values = {part: floats_of(table, f"{part}_ms")[order] for part in PARTS}
    recent = times >= int(span.start.timestamp() * 1e6)
    sla = _sla(platform, name)
    if not recent.any():
        note = f"{query}; none since {span.start.isoformat()}"
        return no_data(
            f"{name} answered nothing in {arguments.minutes:g} min", {"requests": 0, "sla_ms": sla}, note=note
        )
    found = last_change_point(values["latency"], 1e-4)
    now = recent if found is None else np.arange(times.size) >= found.index
    # judge the last minutes only, so that a recovery shows as soon as it is there
    now &= recent
    before = times < (int(span.start.timestamp() * 1e6) if found is None else times[found.index])
    figures: dict[str, Any] = {"requests": int(now.sum()), "requests_before": int(before.sum()), "sla_ms": sla}
    slower: list[str] = []
    for part in PARTS:
        p50, p50_before = quantile(values[part][now], 0.5), quantile(values[part][before], 0.5)
        figures[f"{part}_p50"], figures[f"{part}_p50_before"] = p50, p50_before
        figures[f"{part}_p99"] = quantile(values[part][now], 0.99)
        figures[f"{part}_p99_before"] = quantile(values[part][before], 0.99)
        figures[f"{part}_ratio"] = ratio(p50, p50_before)
        grew = p50 is not None and p50_before is not None and p50 - p50_before > 1.0 and p50 > SLOWER * p50_before
        figures[f"{part}_slower"] = None if p50_before is None or p50 is None else grew
        if grew and part != "latency":
            slower.append(part)
    p99 = figures["latency_p99"]
    figures |= {
        "slow_part": "both" if len(slower) == 2 else (slower[0] if slower else "neither"),
        "over_sla": None if sla is None or p99 is None else p99 > sla,
        "enough": int(now.sum()) >= ENOUGH_REQUESTS,
        "changed_at": None if found is None else moment(times[found.index]),
    }
    summary = (
        f"{name}: p50 {_ms(figures['latency_p50'])} (before {_ms(figures['latency_p50_before'])}), "
        f"store {_ms(figures['store_p50'])}, model {_ms(figures['model_p50'])}, p99 {_ms(p99)}"
    )
    start = span.end - timedelta(minutes=max(60.0, arguments.minutes))
    series = tuple(line(part, times, values[part], start, span.end, np.median) for part in PARTS)
    return success(summary, figures, Chart(title=f"{name}: latency p50", unit="ms", series=series), note=query)


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} ms"


def _sla(platform: PlatformView, endpoint: str) -> float | None:
    """The threshold of the endpoint's latency monitor, in milliseconds; None when it has none."""
    try:
        spec = platform.resources.get(urn("monitor", f"latency-{endpoint}")).spec
    except NotFound:
        return None
    return spec.threshold if isinstance(spec, MonitorSpec) else None


_PART = {"latency": "the whole answer", "store": "reading features from the online store", "model": "scoring"}

TOOL = Tool(
    name="latency_breakdown",
    summary="Latency of an endpoint split into online store and model, now against before it changed",
    arguments=Arguments,
    example={"endpoint": "fraud-br", "minutes": 10},
    figures={
        "requests": "requests since the change, within the window",
        "requests_before": "requests in the baseline of up to 3 h",
        "sla_ms": "threshold of the endpoint's latency monitor",
        "slow_part": "store, model, both or neither: whose median at least doubled",
        "enough": "whether there were 20 requests: under so many a p99 says little",
        "over_sla": "whether p99 is over the SLA",
        "changed_at": "time of the first request after the change of latency",
        **{f"{p}_p50": f"median milliseconds of {what}, now" for p, what in _PART.items()},
        **{f"{p}_p50_before": f"median milliseconds of {what}, before" for p, what in _PART.items()},
        **{f"{p}_p99": f"99th percentile of {what}, now" for p, what in _PART.items()},
        **{f"{p}_p99_before": f"99th percentile of {what}, before" for p, what in _PART.items()},
        **{f"{p}_ratio": f"median of {what}, now over before" for p, what in _PART.items()},
        **{f"{p}_slower": f"whether {what} takes at least twice as long and 1 ms more" for p, what in _PART.items()},
    },
    run=observe,
)
