"""Scores and declines of an endpoint now against usual, and of canary against champion in the same minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from platform_core.monitoring.statistics import binomial_tail, dispersion
from platform_core.view import PlatformView
from tools.answers import line, no_data, success
from tools.contract import Chart, Observation, Series, ToolArguments, Window
from tools.declaration import Tool
from tools.reading import arrow, endpoint_resource, floats_of, name_of, times_of, window
from tools.statistics import proportion_z, ratio

BASELINE = timedelta(hours=24)
Z_SHIFT = 4.0
"""Standard errors that count as a shift: with dozens of endpoints looked at every minute, 3 would page daily."""
ENOUGH_REQUESTS = 12
"""Under so many in the window nothing is said about a rate: one decline among three requests is no shift."""
ENOUGH_CANARY = 8
ENOUGH_USUAL = 100
SIGNIFICANCE = 1e-4
MINIMUM_EXCESS = 0.03
"""Points of decline rate that matter, however certain fewer of them are."""
BLOCK = timedelta(minutes=20)
"""Declines come in clusters (a card is tried again and again): how much so is measured between blocks."""


class Arguments(ToolArguments):
    endpoint: str
    minutes: float = Field(default=10, ge=0.5, le=1440)
    until: datetime | None = None
    usual_until: datetime | None = None
    """End of the baseline; by default the start of the window. Set it to the onset to judge a recovery."""

    changed: str | None = None
    """URN: only requests since that resource's spec was last changed count as now, as they do for a recovery."""


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Usual is up to 24 h before. The canary is compared since its first request in the baseline or the window."""
    name = name_of(arguments.endpoint, "endpoint")
    endpoint_resource(platform, name)
    span = _window(platform, arguments)
    usual_end = min(arguments.usual_until or span.start, span.start)
    table = platform.predictions.read(usual_end - BASELINE, span.end, endpoint=name)
    times = times_of(table, "ts")
    score, declined = floats_of(table, "score"), floats_of(table, "declined")
    now = times >= int(span.start.timestamp() * 1e6)
    usual = times < int(usual_end.timestamp() * 1e6)
    figures: dict[str, Any] = {"requests": int(now.sum()), "requests_usual": int(usual.sum())}
    query = f"predictions of {name} from {span.start.isoformat()} to {span.end.isoformat()}"
    if not now.any():
        return no_data(f"{name} answered nothing in {arguments.minutes:g} min", figures, note=query)
    rate, rate_usual = _mean(declined[now]), _mean(declined[usual])
    scatter = _dispersion(times[usual], declined[usual])
    z, higher = _against(declined[now], declined[usual], scatter, enough=(ENOUGH_REQUESTS, ENOUGH_USUAL))
    score_z = _mean_z(score[now], score[usual]) if now.sum() >= ENOUGH_REQUESTS else None
    figures |= {
        "decline_rate": rate,
        "decline_rate_usual": rate_usual,
        "decline_ratio": ratio(rate, rate_usual),
        "decline_z": z,
        "mean_score": _mean(score[now]),
        "mean_score_usual": _mean(score[usual]),
        "score_z": score_z,
        "dispersion": scatter,
        "shifted": None if higher is None else higher or abs(score_z or 0.0) > Z_SHIFT,
        "degraded_rate": _mean((floats_of(table, "degraded")[now] > 0).astype(np.float64)),
    }
    canary = np.asarray(arrow.equal(table.column("variant"), "canary").to_numpy(), dtype=np.bool_)
    figures |= _variants(table, times, score, declined, canary=canary, usual=usual, scatter=scatter)
    series = _chart(times, declined, canary, span)
    usual_text = "unknown" if rate_usual is None else f"{rate_usual:.1%}"
    summary = f"{name} declines {rate:.1%} of {int(now.sum())} requests (usual {usual_text})"
    if figures["canary_requests"]:
        summary += (
            f"; canary {figures['canary_version']} {figures['canary_decline_rate']:.1%}"
            f" against champion {figures['champion_decline_rate'] or 0.0:.1%} in the same minutes"
        )
    return success(summary, figures, Chart(title=f"{name}: decline rate", unit="rate", series=series), note=query)


def _window(platform: PlatformView, arguments: Arguments) -> Window:
    span = window(platform, arguments.minutes, arguments.until)
    if arguments.changed is None:
        return span
    return Window(start=max(span.start, platform.resources.get(arguments.changed).updated_at), end=span.end)


def _against(now: Any, usual: Any, scatter: float, *, enough: tuple[int, int]) -> tuple[float | None, bool | None]:
    """z of a decline rate against another, and whether it is higher for certain: by the binomial tail of as many
    independent requests as the clustered ones are worth. None, None with too few on either side."""
    if now.size < enough[0] or usual.size < enough[1]:
        return None, None
    z = proportion_z(now.sum(), now.size, usual.sum(), usual.size)
    # never less than two declines' worth: a quiet baseline is not proof that none ever happen
    rate = max(float(usual.sum()), 2.0) / usual.size
    tail = binomial_tail(int(now.sum() / scatter), round(now.size / scatter), rate)
    return z, bool(tail < SIGNIFICANCE and now.mean() > rate + MINIMUM_EXCESS)


def _dispersion(times: Any, declined: Any) -> float:
    """How much more the decline rate scatters between blocks than independent requests would; at least 1."""
    if times.size < ENOUGH_USUAL:
        return 1.0
    block = (times - times.min()) // int(BLOCK.total_seconds() * 1e6)
    return dispersion(np.bincount(block, weights=declined).astype(np.float64), np.bincount(block).astype(np.float64))


def _variants(
    table: pa.Table, times: Any, score: Any, declined: Any, *, canary: Any, usual: Any, scatter: float
) -> dict[str, Any]:
    """Canary against champion over the minutes in which there was a canary; champion against what was usual."""
    if not canary.any():
        return {"canary_requests": 0, "canary_version": None, "canary_worse": None, "champion_shifted": None}
    since = times[canary].min()
    together = times >= since
    champion = together & ~canary
    before = usual & ~canary & (times < since)
    z, worse = _against(declined[canary], declined[champion], scatter, enough=(ENOUGH_CANARY, ENOUGH_REQUESTS))
    score_z = _mean_z(score[canary], score[champion])
    _, champion_higher = _against(declined[champion], declined[before], scatter, enough=(ENOUGH_REQUESTS, ENOUGH_USUAL))
    version = table.column("model_version").filter(pa.array(canary))[-1].as_py()
    return {
        "canary_requests": int(canary.sum()),
        "canary_version": version,
        "canary_decline_rate": _mean(declined[canary]),
        "champion_decline_rate": _mean(declined[champion]),
        "canary_mean_score": _mean(score[canary]),
        "champion_mean_score": _mean(score[champion]),
        "canary_z": z,
        "canary_score_z": score_z,
        "canary_worse": None if worse is None else worse or (score_z or 0.0) > Z_SHIFT,
        "champion_shifted": champion_higher,
    }


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if values.size else None


def _mean_z(first: Any, second: Any) -> float | None:
    """Welch's statistic for a difference of means; None with fewer than 8 rows on a side or no variance at all."""
    if first.size < 8 or second.size < 8:
        return None
    error = np.sqrt(first.var(ddof=1) / first.size + second.var(ddof=1) / second.size)
    return float((first.mean() - second.mean()) / error) if error > 0 else None


def _chart(times: Any, declined: Any, canary: Any, span: Window) -> tuple[Series, ...]:
    start = min(span.start, span.end - timedelta(minutes=60))
    series = [line("champion", times[~canary], declined[~canary], start, span.end, np.mean)]
    if canary.any():
        series.append(line("canary", times[canary], declined[canary], start, span.end, np.mean))
    return tuple(series)


TOOL = Tool(
    name="score_distribution",
    summary="Decline rate and mean score of an endpoint against usual, canary against champion in the same minutes",
    arguments=Arguments,
    example={"endpoint": "fraud-br", "minutes": 10},
    figures={
        "requests": "requests in the window",
        "requests_usual": "requests in the 24 h before the end of the baseline",
        "decline_rate": "share declined in the window, 0..1",
        "decline_rate_usual": "share declined in the baseline",
        "decline_ratio": "the one over the other",
        "decline_z": "two-proportion z of the decline rate against usual; none with under 12 requests",
        "mean_score": "mean score in the window, 0..1",
        "mean_score_usual": "mean score in the baseline",
        "score_z": "Welch z of the mean score against usual",
        "dispersion": "how much more the usual rate scatters than independent requests would; 1 = not at all",
        "shifted": "whether it declines more for certain (tail under 1e-4, 3 points more) or score_z is over 4; "
        "none with under 12 requests",
        "degraded_rate": "share of requests scored with a missing or expired feature",
        "canary_requests": "requests the canary answered",
        "canary_version": "its model version",
        "canary_decline_rate": "its decline rate",
        "champion_decline_rate": "the champion's since the canary's first request",
        "canary_mean_score": "its mean score",
        "champion_mean_score": "the champion's in the same minutes",
        "canary_z": "two-proportion z, canary against champion in the same minutes; none with under 8 requests",
        "canary_score_z": "Welch z of the mean scores",
        "canary_worse": "whether it declines more for certain, or canary_score_z is over 4; none when too early",
        "champion_shifted": "whether the champion declines more for certain since the canary came",
    },
    run=observe,
)
