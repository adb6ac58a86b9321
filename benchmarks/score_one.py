"""What one score costs: LightGBM's native single-row call against its `predict`, and scikit-learn's estimators as we
store them against themselves.

    python -m benchmarks.score_one [--rows 2000] [--rounds 7]

Both sides of a row of the table score the same rows in turn, in one thread; scores are compared first. Prints a table
and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from platform_core.training.fitted import Fitted, Rows
from platform_core.training.fitting import fit
from platform_core.training.plan import LightGbm, Sklearn
from platform_core.training.sklearn_fitting import make_estimator
from platform_core.training.trees import TreeModel

COLUMNS = 20
Score = Callable[[np.ndarray], float]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=2000)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    data = _rows(20_000)
    asked = _rows(options.rows, seed=2).features
    table = Table("model", "theirs, us", "score_one, us", "times", title="one row, one thread, best round")
    result: dict[str, object] = {"benchmark": "score_one", "rows": options.rows}
    with threadpool_limits(1):
        for name, theirs, ours in _pairs(data):
            difference = max(abs(theirs(row) - ours(row)) for row in asked[:200])
            if difference > 1e-12:
                raise SystemExit(f"{name}: the scores differ by {difference}")
            rounds = [
                (_seconds(theirs, asked[: max(50, len(asked) // 10)]), _seconds(ours, asked))
                for _ in range(options.rounds)
            ]
            slow, fast = (min(column) * 1e6 for column in zip(*rounds, strict=True))
            table.add_row(name, f"{slow:.1f}", f"{fast:.2f}", f"{slow / fast:.0f}x")
            result[name] = {"theirs_us": round(slow, 2), "ours_us": round(fast, 2), "ratio": round(slow / fast, 1)}
    Console().print(table)
    print(json.dumps(result))


def _pairs(data: Rows) -> list[tuple[str, Score, Score]]:
    fitted = fit(LightGbm(trees=100), data, 7)
    assert isinstance(fitted.model, TreeModel)
    booster = fitted.model.booster
    pairs: list[tuple[str, Score, Score]] = [
        (
            "lightgbm, 100 trees",
            lambda row: float(np.asarray(booster.predict(row[None, :], num_threads=1))[0]),
            fitted.model.score_one,
        )
    ]
    for name, parameters in (
        ("logistic_regression", {}),
        ("hist_gradient_boosting", {"max_iter": 100}),
        ("random_forest", {"n_estimators": 100, "max_depth": 8}),
    ):
        plan = Sklearn.model_validate({"flavor": "sklearn", "estimator": name, "parameters": parameters})
        pairs.append(_sklearn(plan, data))
    return pairs


def _sklearn(plan: Sklearn, data: Rows) -> tuple[str, Score, Score]:
    estimator, weights = make_estimator(plan, 7)
    estimator.fit(data.features, data.label.astype(np.int64), **{weights: data.weight})
    fitted: Fitted = fit(plan, data, 7)
    return plan.estimator, lambda row: float(estimator.predict_proba(row[None, :])[0, 1]), fitted.model.score_one


def _seconds(score: Score, rows: np.ndarray) -> float:
    started = time.perf_counter()
    for row in rows:
        score(row)
    return (time.perf_counter() - started) / len(rows)


def _rows(size: int, seed: int = 1) -> Rows:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(size, COLUMNS))
    features[rng.random(features.shape) < 0.05] = np.nan
    signal = np.nan_to_num(features[:, 0] * features[:, 1] + features[:, 2]) + rng.normal(size=size)
    return Rows(tuple(f"f{i}" for i in range(COLUMNS)), features, (signal > 1).astype(float), np.ones(size))


if __name__ == "__main__":
    main()
