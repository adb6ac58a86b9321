"""What the prediction log says of a candidate and of its champion, as observations that guards may count.

Requests of one entity are alike, and those of one burst all the more: of each entity only the first request of an hour
is counted, answered or not, so that observations are close to independent, as the sequences assume. Answers by fallback
say nothing of a model and are left out. Where a version scored beside what was answered, that score counts as its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from platform_core.serving.prediction_log import DeltaPredictionLog

Arm = Literal["candidate", "champion"]
Floats = npt.NDArray[np.float64]

_COLUMNS = (
    "ts",
    "model_version",
    "score",
    "amount",
    "latency_ms",
    "request_id",
    "entity",
    "shadow_scores",
    "fallback",
)
_HOUR_US = 3_600_000_000
_AT_ONCE = timedelta(hours=4)


@dataclass(frozen=True)
class Scored:
    """Requests that count, of those that one version scored: aligned arrays. `latency_ms` only of those it answered,
    in whatever order, which are `answers`; `errors` got no answer from it."""

    arm: Arm
    score: Floats
    amount: Floats
    latency_ms: Floats
    answers: int
    errors: int = 0


@dataclass
class Reader:
    """Reads the log from `since` on, each request once, and remembers no more than the entities of an hour."""

    log: DeltaPredictionLog
    endpoint: str
    candidate: str
    champion: str
    since: datetime
    _hour: int = -1
    _seen: set[str] = field(default_factory=set[str])

    def until(self, end: datetime) -> Iterator[Scored]:
        """What was logged in [where the last call ended, end), some hours at a time: memory does not go with how long
        the rollout lasts. Writers need a few seconds: see `RolloutWatch`."""
        while self.since < end:
            stop = min(end, self.since + _AT_ONCE)
            rows = self.log.read_whole(self.since, stop, endpoint=self.endpoint, columns=_COLUMNS).sort_by("ts")
            errors = self.log.read_errors(self.since, stop, endpoint=self.endpoint)
            self.since = stop
            counted = self._first_of_the_hour(rows, errors)
            answered, errors = counted[: len(rows)], errors.filter(pa.array(counted[len(rows) :]))
            yield _scored("candidate", self.candidate, rows, answered, errors)
            yield _scored("champion", self.champion, rows, answered, errors)

    def _first_of_the_hour(self, rows: pa.Table, errors: pa.Table) -> npt.NDArray[np.bool_]:
        """For the rows and then the errors, which are gone through in the order of their time."""
        both = len(rows) + len(errors)
        taken = np.zeros(both, dtype=np.bool_)
        times = np.concatenate([table["ts"].cast(pa.int64()).to_numpy() for table in (rows, errors)])
        order = np.argsort(times, kind="stable")
        hours = (times // _HOUR_US).tolist()
        keys = [*rows["entity"].to_pylist(), *errors["entity"].to_pylist()]
        instead = [*rows["fallback"].to_pylist(), *[None] * len(errors)]
        for position in order.tolist():
            hour, key = hours[position], keys[position]
            if hour != self._hour:
                self._hour = hour
                self._seen.clear()
            if instead[position] is not None or (key is not None and key in self._seen):
                continue
            if key is not None:
                self._seen.add(key)
            taken[position] = True
        return taken


def _scored(arm: Arm, version: str, rows: pa.Table, counted: npt.NDArray[np.bool_], errors: pa.Table) -> Scored:
    answered = np.array([v == version for v in rows["model_version"].to_pylist()], dtype=np.bool_)
    own = rows["score"].to_numpy().astype(np.float64)
    beside = _beside(rows, version)
    score = np.where(answered, own, beside)
    taken = counted & ~np.isnan(score)
    amount = rows["amount"].to_numpy(zero_copy_only=False).astype(np.float64)
    failed = sum(v == version for v in errors["model_version"].to_pylist())
    return Scored(
        arm=arm,
        score=score[taken],
        amount=np.nan_to_num(amount[taken]),
        latency_ms=rows["latency_ms"].to_numpy().astype(np.float64)[answered & counted],
        answers=int((answered & counted).sum()),
        errors=failed,
    )


def _beside(rows: pa.Table, version: str) -> Floats:
    """Scores of `version` where it scored beside what was answered, NaN elsewhere."""
    found = np.full(len(rows), np.nan)
    column = rows["shadow_scores"]
    if column.null_count == len(rows):
        return found
    for position, text in enumerate(column.to_pylist()):
        if text is not None and (score := json.loads(text).get(version)) is not None:
            found[position] = score
    return found
