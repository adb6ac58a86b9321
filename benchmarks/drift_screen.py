"""How much faster is the drift screen than Evidently, and does it say the same? How often does it cry wolf, and miss?

    python -m benchmarks.drift_screen [--rows 100000] [--columns 50] [--rounds 5] [--nights 10] [--planted 200]

1. PSI and Jensen-Shannon of every column by both, of the same frames; checked equal to 1e-12 before anything is timed.
   The screen's time holds PSI, Jensen-Shannon, the effect and its p-value. Evidently's is of one report with PSI
   (`DataDriftPreset`), the faster half of what the screen does; one run, with the screen's rounds before and after it.
2. `--nights` nights of 500 healthy features (normal, log-normal, counts, categories, some with nulls), 20,000 rows
   against 20,000: false alarms. 100 nights take some minutes.
3. `--planted` shifts of 0.3 standard deviations, and as many of 5 points of category mass, each among 19 healthy
   features: how many are found.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from platform_core.monitoring.judgement import Evidence, drifted, evidence
from platform_core.monitoring.shares import column_of, histograms, jensen_shannon_of, psi_of

FEATURES = 500
ROWS = 20_000


def screened(reference: pa.Table, current: pa.Table) -> tuple[dict[str, tuple[float, float]], list[Evidence]]:
    figures: dict[str, tuple[float, float]] = {}
    found: list[Evidence] = []
    for name in reference.column_names:
        r, c = column_of(reference[name]), column_of(current[name])
        counts = histograms(r, c)
        figures[name] = psi_of(*counts), jensen_shannon_of(*counts)
        found.append(evidence(r, c))
    drifted(found)
    return figures, found


def evidently_report(reference: Any, current: Any, columns: list[str], method: str) -> dict[str, float]:
    """Column -> drift score, out of Evidently's own report."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    snapshot = Report([DataDriftPreset(columns=columns, method=method)]).run(current, reference)
    scores: dict[str, float] = {}
    for metric in snapshot.dict()["metrics"]:
        column = (metric.get("config") or {}).get("column")
        if column is not None:
            scores[column] = float(metric["value"])
    return scores


def frames(rows: int, columns: int) -> tuple[pa.Table, pa.Table]:
    rng = np.random.default_rng(11)

    def one(shift: float) -> pa.Table:
        made = {}
        for n in range(columns):
            kind = n % 5
            if kind == 4:
                made[f"f{n}"] = rng.poisson(3 + shift, rows).astype(np.float64)  # few different values: by value
            else:
                values = rng.normal(shift if n % 10 == 0 else 0.0, 1.0, rows)
                made[f"f{n}"] = np.exp(values) if kind % 2 else values
        return pa.table(made)

    return one(0.0), one(0.4)


def speed(rows: int, columns: int, rounds: int) -> dict[str, float]:
    os.environ["DO_NOT_TRACK"] = "1"
    reference, current = frames(rows, columns)
    names = reference.column_names
    pandas = reference.to_pandas(), current.to_pandas()
    evidently_report(
        pandas[0].head(2000), pandas[1].head(2000), names[:2], "psi"
    )  # its imports and first-use work are not what is compared
    ours, _ = screened(reference, current)
    mine: list[float] = []
    mine_cpu: list[float] = []

    def measure() -> None:
        for _ in range(rounds):
            began, cpu = time.perf_counter(), time.process_time()
            screened(reference, current)
            mine.append(time.perf_counter() - began)
            mine_cpu.append(time.process_time() - cpu)

    measure()
    began, cpu = time.perf_counter(), time.process_time()
    psi = evidently_report(*pandas, names, "psi")
    theirs, theirs_cpu = time.perf_counter() - began, time.process_time() - cpu
    measure()
    distance = evidently_report(*pandas, names, "jensenshannon")
    worst = max(max(abs(psi[n] - ours[n][0]), abs(distance[n] - ours[n][1])) for n in names)
    assert len(psi) == len(distance) == len(names)
    assert worst < 1e-12, f"the figures differ by {worst}"
    return {
        "screen_s": statistics.median(mine),
        "evidently_psi_s": theirs,
        "ratio": theirs / statistics.median(mine),
        "cpu_ratio": theirs_cpu / statistics.median(mine_cpu),
        "largest_difference": worst,
    }


def healthy(rng: np.random.Generator, kind: int, rows: int) -> pa.Array:
    match kind % 5:
        case 0:
            return pa.array(rng.normal(size=rows))
        case 1:
            return pa.array(rng.lognormal(3.0, 1.2, rows))
        case 2:
            return pa.array(rng.poisson(2.0, rows).astype(np.float64))
        case 3:
            return pa.array(rng.choice(np.array(["a", "b", "c", "d"]), rows, p=[0.5, 0.3, 0.15, 0.05]))
        case _:
            return pa.array(rng.gamma(2.0, 5.0, rows), mask=rng.random(rows) < 0.05)


def night(rng: np.random.Generator, features: int) -> Iterator[Evidence]:
    for n in range(features):
        yield evidence(column_of(healthy(rng, n, ROWS)), column_of(healthy(rng, n, ROWS)))


def false_alarms(nights: int) -> tuple[int, int]:
    """(false alarms, nights with any)."""
    rng = np.random.default_rng(5)
    alarms = [sum(drifted(list(night(rng, FEATURES)))) for _ in range(nights)]
    return sum(alarms), sum(1 for count in alarms if count)


def found(planted: int) -> dict[str, float]:
    rng = np.random.default_rng(6)
    hits = {"0.3 sd": 0, "5 % of category mass": 0}
    for _ in range(planted):
        others = list(night(rng, 19))
        moved = evidence(column_of(pa.array(rng.normal(size=ROWS))), column_of(pa.array(rng.normal(0.3, 1.0, ROWS))))
        hits["0.3 sd"] += drifted([moved, *others])[0]
        names = np.array(["a", "b", "c", "d"])
        before = rng.choice(names, ROWS, p=[0.5, 0.3, 0.15, 0.05])
        after = rng.choice(names, ROWS, p=[0.45, 0.35, 0.15, 0.05])
        moved = evidence(column_of(pa.array(before)), column_of(pa.array(after)))
        hits["5 % of category mass"] += drifted([moved, *others])[0]
    return {name: count / planted for name, count in hits.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--planted", type=int, default=200)
    arguments = parser.parse_args()
    figures = speed(arguments.rows, arguments.columns, arguments.rounds)
    alarms, nights = false_alarms(arguments.nights)
    shares = found(arguments.planted)
    table = Table(title=f"drift screen, {arguments.rows:,} x {arguments.columns}", title_justify="left")
    table.add_column("")
    table.add_column("figure", justify="right")
    table.add_row("screen: PSI, JS, effect, p", f"{figures['screen_s']:.3f} s")
    table.add_row("Evidently: PSI", f"{figures['evidently_psi_s']:.2f} s")
    table.add_row("ratio", f"{figures['ratio']:.0f}x")
    table.add_row("ratio of processor time, which other load does not touch", f"{figures['cpu_ratio']:.0f}x")
    table.add_row("largest difference of a PSI or JS", f"{figures['largest_difference']:.1e}")
    table.add_row(f"false alarms in {arguments.nights} nights of {FEATURES} features", str(alarms))
    for name, share in shares.items():
        table.add_row(f"found of {arguments.planted} planted: {name}", f"{share:.1%}")
    Console().print(table)
    print(
        json.dumps(
            {
                "benchmark": "drift_screen",
                "rows": arguments.rows,
                "columns": arguments.columns,
                **{name: float(f"{value:.4g}") for name, value in figures.items()},
                "nights": arguments.nights,
                "features": FEATURES,
                "false_alarms": alarms,
                "nights_with_false_alarms": nights,
                "found": shares,
            }
        )
    )


if __name__ == "__main__":
    main()
