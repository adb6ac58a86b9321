"""The point-in-time join: ours (on Delta) against Feast on DuckDB (on Parquet), and against reading the files alone.

    python -m benchmarks.point_in_time [--full] [--hot] [--repeats 3] [--without-feast]

Each side is a process of its own (so that peaks of memory are their own) and all take turns. Results are compared
first, where Feast gives one: it drops an entity row when all of a view's rows for it are expired, which is counted.
Feast comes from an environment of its own that is made here. `--full` is the size of the figures in the requirements,
1M entity rows and 3 x 10M rows on 100k keys; `--hot` is few keys with long histories. Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.peer_environment import peer_python
from benchmarks.point_in_time_data import FEATURES, VIEWS, Size, write

FEAST = ["feast[duckdb]==0.67.*"]
SIZES = {
    (False, False): Size(100_000, 1_000_000, 10_000),
    (True, False): Size(1_000_000, 10_000_000, 100_000),
    (False, True): Size(20_000, 200_000, 100),
    (True, True): Size(200_000, 2_000_000, 1_000),
}
"""By (full, hot)."""

TTL_HOURS = 24
GIGABYTE = 1e9


class Side:
    """A process that makes the join when told."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, command: str) -> float:
        """Its answer: seconds, or bytes for `peak`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):  # Feast prints other things besides
                return next(iter(json.loads(line).values()))
        raise RuntimeError(f"the process ended with {self._process.wait()} instead of an answer to {command!r}")

    def end(self) -> None:
        self._process.communicate()


def ours(directory: Path, ttl_hours: float = TTL_HOURS) -> Side:
    return Side(sys.executable, "-m", "benchmarks.point_in_time_ours", str(directory), str(ttl_hours))


def compare(directory: Path) -> dict[str, int]:
    """Raises AssertionError where both have a value and they differ."""
    mine, theirs = pq.read_table(directory / "ours.parquet"), pq.read_table(directory / "feast.parquet")
    rows = theirs["row"].to_numpy()
    assert len(np.unique(rows)) == len(rows)
    found = mine.take(rows)
    for column in (f"{view}__{feature}" for view in VIEWS for feature in FEATURES):
        np.testing.assert_array_equal(found[column].to_numpy(), theirs[column].to_numpy(), err_msg=column)
    assert mine["row"].to_pylist() == list(range(len(mine)))
    return {"rows": len(mine), "rows_that_feast_dropped": len(mine) - len(rows)}


def measure(directory: Path, repeats: int, with_feast: bool) -> dict[str, Any]:
    sides = {"ours": ours(directory)}
    result: dict[str, Any] = {}
    if with_feast:
        script = Path(__file__).with_name("point_in_time_feast.py")
        sides["feast"] = Side(str(peer_python("feast-duckdb", FEAST)), str(script), str(directory), str(TTL_HOURS))
        for side in sides.values():
            side.tell("write")
        result |= compare(directory)
    turns = [("scan", "ours", "scan"), ("event", "ours", "event"), ("created", "ours", "created")]
    if with_feast:
        turns.append(("feast", "feast", "event"))
    times: dict[str, list[float]] = {name: [] for name, _, _ in turns}
    for _ in range(repeats):
        for name, side, command in turns:
            times[name].append(sides[side].tell(command))
    result["seconds"] = {name: round(statistics.median(taken), 3) for name, taken in times.items()}
    result["peak_gb"] = {name: round(side.tell("peak") / GIGABYTE, 2) for name, side in sides.items()}
    for side in sides.values():
        side.end()

    def ratio(above: str, below: str) -> float:
        return round(statistics.median(a / b for a, b in zip(times[above], times[below], strict=True)), 2)

    result["times_the_scan"] = ratio("event", "scan")
    result["created_times_event"] = ratio("created", "event")
    if with_feast:
        result["faster_than_feast"] = ratio("feast", "event")
    return result


def peaks_by_ttl(directory: Path) -> dict[str, float]:
    """Gigabytes at a ttl of an hour and at one of the whole history."""
    peaks: dict[str, float] = {}
    for hours in (1, 24 * 14):
        side = ours(directory, hours)
        side.tell("event")
        peaks[f"{hours}h"] = round(side.tell("peak") / GIGABYTE, 2)
        side.end()
    return peaks


def main() -> None:
    parser = argparse.ArgumentParser(description="point-in-time join against Feast on DuckDB")
    parser.add_argument("--full", action="store_true", help="the size of the figures in the requirements")
    parser.add_argument("--hot", action="store_true", help="few keys with long histories")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-feast", action="store_true")
    options = parser.parse_args()
    size = SIZES[options.full, options.hot]
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), size)
        result: dict[str, Any] = {"benchmark": "point_in_time", "size": str(size), "hot": options.hot}
        result |= measure(Path(name), options.repeats, not options.without_feast)
        result["peak_gb_by_ttl"] = peaks_by_ttl(Path(name))
    table = Table(title=f"point-in-time join: {size}", title_justify="left")
    for column in ("", "seconds (median)", "peak GB"):
        table.add_column(column)
    for side, seconds in result["seconds"].items():
        peak = result["peak_gb"].get({"event": "ours"}.get(side, side), "")
        table.add_row(side, f"{seconds:.3f}", str(peak))
    Console(stderr=True).print(table)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
