"""One row is scored within the model's part of the latency that was promised.

The p99 of single-row calls, several times over. The least of these is held against the budget: what else a machine
does can make a call slower, never faster, so the least disturbed series is nearest to the model's own time (Python's
`timeit` advises the same). A model that is too slow is too slow in every series.
"""

from __future__ import annotations

from time import perf_counter_ns

import numpy as np

from platform_core.training.gates.policy import LatencyLimits
from platform_core.training.gates.port import Case, Floats
from platform_core.training.gates.verdicts import GateVerdict
from platform_core.training.scoring import LoadedModel

ROWS = 64


class Latency:
    name = "latency"
    summary = "one row is scored within the latency budget"

    def judge(self, case: Case) -> GateVerdict:
        limits, model = case.policy.latency, case.candidate
        declared = case.evidence.declared_latency_ms()
        budget, whose = limits.p99_ms, "the gate policy"
        if declared:
            name = min(declared, key=lambda one: declared[one])
            budget, whose = declared[name] * limits.share_of_declared, f"{limits.share_of_declared:.0%} of {name}"
        series = measured(model, plausible_rows(model), limits)
        p99 = float(series.min())
        return GateVerdict(
            gate=self.name,
            outcome="passed" if p99 <= budget else "failed",
            said=f"p99 of one row {p99:.3f} ms, budget {budget:.3g} ms ({whose})",
            figures={"p99_ms": p99, "p99_ms_worst_series": float(series.max()), "calls": limits.repeats * limits.calls},
            limits={"p99_ms": budget},
        )


def measured(model: LoadedModel, rows: Floats, limits: LatencyLimits) -> Floats:
    """The p99 of each series, in milliseconds of the wall."""
    for row in rows:  # caches and lazily built predictors are not what is asked about
        model.score_one(row)
    return np.array([_p99(model, rows, limits.calls) for _ in range(limits.repeats)])


def plausible_rows(model: LoadedModel) -> Floats:
    """Rows from within the training baseline, some values null: which branches of a tree are taken costs little, but
    rows that are all equal would be too kind to the processor."""
    rng = np.random.default_rng(7)
    columns: list[Floats] = []
    for feature in model.version.signature.features:
        seen = model.version.signature.baseline.get(feature.name)
        low, high = (0.0, 1.0) if seen is None or seen.p01 is None or seen.p99 is None else (seen.p01, seen.p99)
        values = rng.uniform(low, high, ROWS)
        values[rng.random(ROWS) < (0.0 if seen is None else seen.null_rate)] = np.nan
        columns.append(values)
    return np.ascontiguousarray(np.column_stack(columns))


def _p99(model: LoadedModel, rows: Floats, calls: int) -> float:
    times = np.empty(calls)
    for call in range(calls):
        row = rows[call % ROWS]
        began = perf_counter_ns()
        model.score_one(row)
        times[call] = perf_counter_ns() - began
    return float(np.quantile(times, 0.99)) / 1e6


GATE = Latency()
