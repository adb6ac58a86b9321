"""Online reads and writes in process: ours against Feast, and on Redis against the bare round trip.

    python -m benchmarks.online_store [--rounds 12]

One Redis of its own on loopback, two databases in it; SQLite in a temporary directory. Ten float features. Feast 0.67
runs in its own environment (made at the first run) and process; the sides take turns in short bursts, so that whatever
else the machine does meets all of them. That both return the same values is checked before anything is timed. `raw` is
redis-py's own `mget` of the same keys, on SQLite the bare SELECT of their rows, in both cases not decoded: the floor
under every client of that store. Writes are a thousand rows from the same DataFrame, each time newer ones; ours are
atomic newest-wins, as materialization writes them, Feast's compare in the client. Ratios are of medians; of writes also
of the client's processor time, which a busy machine does not change.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.online_setup import (
    CALLER,
    ENTITIES,
    FEATURES,
    SERVICE,
    TENANT,
    VIEW,
    Feast,
    catalog,
    feature_table,
    frame,
    keys,
    milliseconds,
    print_results,
    redis_server,
    timed,
)
from foundation.clock import SystemClock
from platform_core.access.tenancy import TenantGuard
from platform_core.features.online.packed_store import PackedStore
from platform_core.features.online.redis import RedisOnlineStore
from platform_core.features.online.scope import scope_name
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.retrieval import OnlineRetriever

WRITES = 5
"""One after the other, before the other side has its turn."""

REACH = {
    "redis_1_row": (2.5, 2.5),
    "redis_100_rows": (15.0, 3.0),
    "sqlite_1_row": (20.0, None),
    "sqlite_100_rows": (20.0, None),
    "redis_write_1000_rows": (20.0, None),
}
"""At least so many times faster than Feast; at most so many bare reads."""


class NoAudit:
    """Nothing is refused here, so nothing is audited."""

    def append(self, record: object, *, connection: object = None) -> Any:
        raise AssertionError(record)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12, help="turns of each side")
    rounds = max(2, parser.parse_args().rounds)
    figures: dict[str, dict[str, float | None]] = {}
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as port:
        directory = Path(name)
        redis = RedisOnlineStore(f"redis://127.0.0.1:{port}/0", clock=SystemClock())
        figures |= measure("redis", redis, Feast(directory / "r", f"127.0.0.1:{port},db=1"), rounds, port)
        redis.close()
        sqlite = SqliteOnlineStore(directory / "online.db", clock=SystemClock())
        figures |= measure("sqlite", sqlite, Feast(directory / "s", "sqlite"), rounds, None)
    results: list[dict[str, Any]] = []
    for figure, found in figures.items():
        least, most = REACH.get(figure, (None, None))
        results.append(
            {
                "figure": figure,
                "ours_ms": found["ours_ms"],
                "feast_ms": found["feast_ms"],
                "raw_ms": found.get("raw_ms") or "",
                "times_faster_than_feast": found["speedup"],
                "reach": least or "",
                "of_client_cpu": found.get("cpu_speedup") or "",
                "raw_round_trips": found.get("raw_ratio") or "",
                "at_most": most or "",
            }
        )
    print_results("online store, 10 float features, medians", results, {"benchmark": "online_store", **figures})


def measure(
    kind: str, store: PackedStore, feast: Feast, rounds: int, port: int | None
) -> dict[str, dict[str, float | None]]:
    retriever = OnlineRetriever(catalog(), store, SystemClock(), guard=TenantGuard(NoAudit()))
    feast.write(ENTITIES, [0])
    store.write_table(TENANT, VIEW, feature_table(frame(ENTITIES, 0)))
    figures: dict[str, dict[str, float | None]] = {}
    for count, times in ((1, 60), (100, 20)):
        asked = keys(count)
        rows = [{"card_id": key} for key in asked]

        def ours(rows: list[dict[str, str]] = rows) -> dict[str, Any]:
            return retriever.get_online_features(SERVICE, rows, TENANT, CALLER).to_dict()

        check_equal(list(ours().values()), feast.values(asked))
        found = interleave(ours, lambda n, asked=asked: feast.read(asked, n), bare(store, port, asked), rounds, times)
        figures[f"{kind}_{count}_row{'s' if count > 1 else ''}"] = found
    if kind == "redis":
        mine: list[float] = []
        theirs: list[float] = []
        our_cpu: list[float] = []
        their_cpu: list[float] = []
        for number in range(rounds + 1):
            turns = list(range(number * WRITES + 1, (number + 1) * WRITES + 1))
            (spent, ours_cpu), (other, cpu) = write(store, turns), feast.write_and_cpu(ENTITIES, turns)
            if number:  # the first turn warms up
                mine += spent
                our_cpu += ours_cpu
                theirs += other
                their_cpu += cpu
        check_equal(list(last_values(retriever)), feast.values(keys(100)))
        found = compare(mine, theirs, [])
        found["ours_cpu_ms"], found["feast_cpu_ms"] = round(milliseconds(our_cpu), 3), milliseconds(their_cpu)
        found["cpu_speedup"] = round(milliseconds(their_cpu) / milliseconds(our_cpu), 2)
        figures["redis_write_1000_rows"] = found
    feast.close()
    return figures


def write(store: PackedStore, turns: list[int]) -> tuple[list[float], list[float]]:
    """A thousand rows for each of `turns`: seconds of the wall, and of the processor."""
    seconds: list[float] = []
    cpu: list[float] = []
    for given in [frame(ENTITIES, turn) for turn in turns]:
        before = time.process_time()
        seconds += timed(lambda given=given: store.write_table(TENANT, VIEW, feature_table(given)), 1)
        cpu.append(time.process_time() - before)
    newest = store.newest_event(TENANT, VIEW)
    assert newest is not None
    assert (datetime.now(UTC) - newest).total_seconds() < 60
    return seconds, cpu


def last_values(retriever: OnlineRetriever) -> list[list[Any]]:
    rows = [{"card_id": key} for key in keys(100)]
    return list(retriever.get_online_features(SERVICE, rows, TENANT, CALLER).to_dict().values())


def bare(store: PackedStore, port: int | None, asked: list[str]) -> Any:
    """The store's own read of these rows, and nothing else."""
    if port is None:
        connection = sqlite3.connect(store.address, isolation_level=None)
        marks = ",".join("?" * len(asked))
        (scope,) = connection.execute("SELECT id FROM scopes WHERE tenant = ? AND view = ?", (TENANT, VIEW)).fetchone()
        query = f"SELECT key, blob FROM packed_rows WHERE scope = ? AND key IN ({marks})"
        assert len(connection.execute(query, (scope, *asked)).fetchall()) == len(set(asked))
        return lambda: connection.execute(query, (scope, *asked)).fetchall()
    from redis import Redis

    client: Any = Redis(port=port)
    names = [f"vigia:row:{scope_name(TENANT, VIEW)}:{key}" for key in asked]
    assert None not in client.mget(names)
    return lambda: client.mget(names)


def interleave(ours: Any, feast: Any, raw: Any, rounds: int, times: int) -> dict[str, float | None]:
    mine: list[float] = []
    theirs: list[float] = []
    bare: list[float] = []
    for number in range(rounds + 1):
        spent = timed(ours, times)
        other = feast(max(3, times // 4))
        trip = timed(raw, times) if raw else []
        if number:
            mine += spent
            theirs += other
            bare += trip
    return compare(mine, theirs, bare)


def compare(ours: list[float], feast: list[float], raw: list[float]) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        "ours_ms": round(milliseconds(ours), 4),
        "feast_ms": round(milliseconds(feast), 4),
        "speedup": round(milliseconds(feast) / milliseconds(ours), 2),
    }
    if raw:
        found["raw_ms"] = round(milliseconds(raw), 4)
        found["raw_ratio"] = round(milliseconds(ours) / milliseconds(raw), 2)
    return found


def check_equal(ours: list[list[Any]], feast: list[list[Any]]) -> None:
    if ours != feast or len(ours) != len(FEATURES) or None in ours[0]:
        raise SystemExit(f"the two sides do not return the same values: {ours[0][:3]} and {feast[0][:3]}")


if __name__ == "__main__":
    main()
