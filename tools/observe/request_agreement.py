"""Amounts in scoring requests against amounts in the source: the checkout and the ingest see the same payments."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
from pydantic import Field

from platform_core.view import PlatformView
from tools.answers import line, no_data, success
from tools.contract import Chart, Observation, ToolArguments
from tools.declaration import Tool
from tools.profiles import column_profile, moved
from tools.reading import Floats, endpoint_resource, find_column, find_source, floats_of, name_of, times_of, window
from tools.statistics import MIN_SEGMENT, logs, median_error


class Arguments(ToolArguments):
    source: str
    endpoint: str
    column: str = "amount"
    minutes: int = Field(default=180, ge=5, le=1440)
    recent: int = Field(default=10, ge=1, le=240)
    """Minutes that count as now when the column shows no change of level."""

    until: datetime | None = None


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Medians of the same payments on both paths since the change. A real shift of buyers moves both, a broken ingest
    only the source. The prediction log carries one request amount; another column has no counterpart in it."""
    source = find_source(platform, name_of(arguments.source, "source"))
    column = find_column(source, arguments.column)
    name = name_of(arguments.endpoint, "endpoint")
    endpoint_resource(platform, name)
    span = window(platform, arguments.minutes, arguments.until)
    query = (
        f"{source.table}.{column.name} and requests of {name} from {span.start.isoformat()} to {span.end.isoformat()}"
    )
    if column.name != "amount":
        return no_data(f"requests carry no {column.name!r} to compare with", note=query)
    profile = column_profile(platform, source, column.name, span)
    log = platform.predictions.read(span.start, span.end, endpoint=name)
    request_times, requests = times_of(log, "ts"), floats_of(log, "amount")
    onset = profile.value_changed_at or profile.nulls_changed_at
    cut = (
        int(onset.timestamp() * 1e6)
        if onset
        else int(window(platform, arguments.recent, span.end).start.timestamp() * 1e6)
    )
    late, request_late = profile.times >= cut, request_times >= cut
    source_now, source_before = _present(profile.values[late]), _present(profile.values[~late])
    request_now, request_before = _present(requests[request_late]), _present(requests[~request_late])
    figures: dict[str, Any] = {
        "source_rows": int(late.sum()),
        "request_rows": int(request_late.sum()),
        "rows_per_request": late.sum() / request_late.sum() if request_late.any() else None,
        "since": onset,
    }
    if source_now.size < MIN_SEGMENT or request_now.size < MIN_SEGMENT:
        said = f"{source_now.size} rows and {request_now.size} requests are too few to compare"
        return no_data(f"{source.name} against {name}: {said}", figures, note=query)
    level, differs = moved(request_now, source_now)
    source_ratio, source_moved = moved(source_before, source_now)
    request_ratio, request_moved = moved(request_before, request_now)
    figures |= {
        "source_p50": float(np.median(source_now)),
        "request_p50": float(np.median(request_now)),
        "source_over_request": level,
        "agrees": not differs,
        "source_ratio": source_ratio,
        "source_moved": source_moved,
        "request_ratio": request_ratio,
        "request_moved": request_moved,
        "same_move": _same_move(source_before, source_now, request_before, request_now),
    }
    factor, share = matching_factor(source_now, request_now)
    figures |= {"matched_factor": factor, "matched_share": share, "is_unit_of_requests": factor is not None}
    verdict = "agree" if not differs else f"differ by x{factor or level:.3g}"
    series = (
        line("source", profile.times, profile.values, span.start, span.end, np.median),
        line("requests", request_times, requests, span.start, span.end, np.median),
    )
    return success(
        f"{column.name} in {source.name} and in requests of {name} {verdict}"
        f" (p50 {figures['source_p50']:.4g} and {figures['request_p50']:.4g})",
        figures,
        Chart(title=f"{column.name}: source against requests", unit=column.name, series=series),
        note=query,
    )


def _present(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _same_move(source_before: Floats, source_now: Floats, request_before: Floats, request_now: Floats) -> bool | None:
    """Whether both medians moved by the same factor within 3 standard errors; None when one cannot be known."""
    samples = [logs(v) for v in (source_before, source_now, request_before, request_now)]
    first, second, third, fourth = samples
    if first is None or second is None or third is None or fourth is None:
        return None
    difference = (np.median(second) - np.median(first)) - (np.median(fourth) - np.median(third))
    error = math.sqrt(sum(median_error(v) ** 2 for v in (first, second, third, fourth)))
    return bool(abs(difference) <= max(3 * error, math.log(1.25)))


def matching_factor(source: Floats, requests: Floats) -> tuple[float | None, float]:
    """The power of ten by which the source's values are those of the requests, and the share of rows that it matches.

    Both paths see the same payments, so a change of unit leaves every row equal to some request times the factor, to
    the last digit: a dozen rows prove what medians of a heavy tail leave open. None below a share of 0.8; the factor
    of one is no change of unit. Values count as equal within 2 in 10,000.
    """
    known = np.sort(requests[requests > 0])
    rows = source[source > 0]
    best: tuple[float | None, float] = (None, 0.0)
    if known.size == 0 or rows.size < MIN_SEGMENT:
        return best
    for exponent in (1, 2, 3, -1, -2, -3):
        scaled = rows / 10.0**exponent
        at = np.clip(np.searchsorted(known, scaled), 1, known.size - 1) if known.size > 1 else np.zeros(rows.size, int)
        nearest = np.minimum(abs(known[at] - scaled), abs(known[np.maximum(at - 1, 0)] - scaled))
        share = float(np.mean(nearest <= 2e-4 * scaled))
        if share > best[1]:
            best = (10.0**exponent, share)
    return best if best[1] >= 0.8 else (None, best[1])


TOOL = Tool(
    name="request_agreement",
    summary="Amounts in scoring requests against amounts in the source for the same minutes",
    arguments=Arguments,
    example={"source": "payments_br", "endpoint": "fraud-br"},
    figures={
        "source_rows": "rows of the source since the change (or in the recent minutes)",
        "request_rows": "scoring requests in the same time",
        "rows_per_request": "the one over the other; every payment is scored once, so about 1",
        "since": "when the source's column changed; none when it did not",
        "source_p50": "median in the source since then",
        "request_p50": "median in the requests since then",
        "source_over_request": "ratio of the two medians",
        "agrees": "whether they differ by no more than 25 % or 3.5 standard errors",
        "source_ratio": "median in the source, since over before",
        "source_moved": "whether that is a change",
        "request_ratio": "median in the requests, since over before",
        "request_moved": "whether that is a change",
        "same_move": "whether both moved by the same factor, within 3 standard errors",
        "matched_factor": "power of ten by which rows are the requests' amounts, row by row; none otherwise",
        "matched_share": "share of the source's rows that the best such factor matches",
        "is_unit_of_requests": "whether there is such a factor",
    },
    run=observe,
)
