"""How good a model's answers were, day by day, once the labels are in.

Predictions wait for their labels: a chargeback comes days or weeks later. Each day of the log is joined with what is
known today (`performance_labels`). How many of a day's answers have a label is said (`coverage`), and whether the day
is old enough for its labels to be in (`mature`): figures of a day that is not may still move. A day is read at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import polars as pl

from foundation.errors import InvalidInput
from foundation.frozen import Frozen
from platform_core.features.offline.port import OfflineStore
from platform_core.serving.performance_figures import Estimate, auc, precision_average, share
from platform_core.serving.performance_labels import LABEL, Labels, labelled
from platform_core.serving.prediction_log import DeltaPredictionLog

By = Literal["country", "endpoint", "version", "variant"]
_COLUMNS: Mapping[By, str] = {
    "country": "tenant",
    "endpoint": "endpoint",
    "version": "model_version",
    "variant": "variant",
}
_READ = ("ts", "endpoint", "tenant", "model_version", "variant", "score", "declined")
_KEPT = ("request_id", "entity", "shadow_scores", "logged_share", "fallback")
DAY = timedelta(days=1)


class DayPerformance(Frozen):
    """One day, or one segment of it. Precision and recall are of the decisions that were made: declined or not."""

    day: datetime
    segment: str | None
    predictions: int
    labelled: int
    coverage: float
    mature: bool
    positives: int
    auc: Estimate | None
    average_precision: Estimate | None
    precision: Estimate | None
    recall: Estimate | None


def performance(
    log: DeltaPredictionLog,
    offline: OfflineStore,
    endpoints: Mapping[str, float],
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    labels: Labels | None = None,
    by: By | None = None,
    maturity: timedelta = timedelta(days=7),
) -> Iterator[DayPerformance]:
    """Days of [start, end) in UTC, oldest first, as far as anything was answered; with `by` a line per segment.

    `endpoints` are those that serve the model, with the score from which on each declines: shadow scores are judged by
    it. By `version` and `variant` they stand beside the answers, as variant `shadow`. Raises InvalidInput for a window
    without a day, NotFound when no tenant has a table of labels.
    """
    if start >= end:
        raise InvalidInput("the window holds no day", hint="let it begin before it ends")
    labels = labels or Labels()
    day = datetime(start.year, start.month, start.day, tzinfo=UTC)
    while day < end:
        rows = _answers(log, endpoints, max(day, start), min(day + DAY, end), shadows=by in ("version", "variant"))
        if rows.height:
            joined = labelled(rows, offline, labels, day, now)
            for segment, part in _parts(joined, by):
                yield _figures(day, segment, part, mature=day + DAY + maturity <= now)
        day += DAY


def _answers(
    log: DeltaPredictionLog, endpoints: Mapping[str, float], start: datetime, end: datetime, *, shadows: bool
) -> pl.DataFrame:
    read: Any = pl.from_arrow(log.read_whole(start, end, columns=(*_READ, *_KEPT)))
    rows: pl.DataFrame = read.filter(pl.col("endpoint").is_in(list(endpoints)) & pl.col("fallback").is_null())
    # A batch that was appended again after a kill holds the same answers.
    known = rows.filter(pl.col("request_id").is_not_null()).unique(("endpoint", "request_id"), keep="first")
    rows = pl.concat([known, rows.filter(pl.col("request_id").is_null())])
    rows = rows.with_columns(pl.col("logged_share").fill_null(1.0))
    return pl.concat([rows, _beside(rows, endpoints)]) if shadows else rows


def _beside(rows: pl.DataFrame, endpoints: Mapping[str, float]) -> pl.DataFrame:
    """A row for each score that was made in the shadow of an answer."""
    found: list[dict[str, Any]] = []
    for row in rows.filter(pl.col("shadow_scores").is_not_null()).iter_rows(named=True):
        for version, score in json.loads(row["shadow_scores"]).items():
            declined = score >= endpoints[row["endpoint"]]
            found.append({**row, "model_version": version, "variant": "shadow", "score": score, "declined": declined})
    return pl.DataFrame(found, schema=rows.schema)


def _parts(rows: pl.DataFrame, by: By | None) -> Sequence[tuple[str | None, pl.DataFrame]]:
    if by is None:
        return [(None, rows)]
    parts = rows.partition_by(_COLUMNS[by], as_dict=True)
    return sorted((str(value), part) for (value,), part in parts.items())


def _figures(day: datetime, segment: str | None, rows: pl.DataFrame, *, mature: bool) -> DayPerformance:
    known = rows.filter(pl.col(LABEL).is_not_null())
    label, score = known[LABEL].to_numpy().astype(np.float64), known["score"].to_numpy().astype(np.float64)
    weight = 1 / known["logged_share"].to_numpy().astype(np.float64)
    declined = known["declined"].to_numpy().astype(np.float64)
    return DayPerformance(
        day=day,
        segment=segment,
        predictions=rows.height,
        labelled=known.height,
        coverage=known.height / rows.height,
        mature=mature,
        positives=int(label.sum()),
        auc=auc(label, score, weight),
        average_precision=precision_average(label, score, weight),
        precision=share(float((declined * label).sum()), float(declined.sum())),
        recall=share(float((declined * label).sum()), float(label.sum())),
    )
