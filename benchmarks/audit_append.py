"""What does the audit cost? Durable audited appends beside plain durable inserts of the same rows, in one run.

All sides go through the same engine with the same durability and the same payload, interleaved in blocks so that a slow
moment of the disk hits all: one entry per commit, and 64 per commit. Plain is an insert as every other of this house
(SQLAlchemy Core in `transaction`), and, as `driver`, one in the driver's own words on the driver's connection, which is
how the log itself appends on SQLite. The figures that count are the ratios of the medians; the last line is one JSON
object.

On PostgreSQL the audited side is what production does: writers hand entries in, one sequencer in a process of its own
places them meanwhile. Beside one writer, several write at once, and the time until the last entry has its place is
measured too. Give it a cluster with fsync on: without, nothing is durable and the ratio is that of the processors.

    python -m benchmarks.audit_append [--entries 2000] [--writers 4] [--url postgresql+psycopg://…]

With a URL the tables are made in that database if they are missing: give it a database of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import Engine

from audit.chain import has_intake
from audit.entry import AuditRecord
from audit.leaf import iso
from audit.log import SqlAuditLog
from audit.sequencer import integrate, sequencing
from audit.verify import verify_log
from foundation.canonical import canonical_bytes
from foundation.clock import SystemClock
from foundation.database import UtcDateTime, metadata, open_database, sqlite_transaction, transaction

BLOCK = 10
BATCH = 64
PAYLOAD = {"tool": "restart_connector", "digest": "0" * 64, "approved_by": ["human:alice"], "revision": 41}
RECORD = AuditRecord(action="action.started", actor="service:worker", subject="exe_1", tenant="br", payload=PAYLOAD)
FIELDS = RECORD.model_dump(exclude={"payload"})
COUNT = itertools.count()

plain = sa.Table(
    "benchmark_plain",
    sa.MetaData(),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("recorded_at", UtcDateTime),
    *(sa.Column(name, sa.String(400)) for name in ("action", "actor", "subject", "tenant")),
    sa.Column("incident_id", sa.String(80), index=True),
    sa.Column("payload", sa.Text),
)
INSERT = sa.insert(plain)
COLUMNS = [column.name for column in plain.columns]


def seconds(block: Callable[[], object]) -> float:
    started = time.perf_counter()
    block()
    return time.perf_counter() - started


def insert(engine: Engine, clock: SystemClock, count: int) -> None:
    """`count` rows in one durable transaction."""
    with transaction(engine) as connection:
        now = clock.now()
        rows = [
            {"sequence": next(COUNT), "recorded_at": now, "payload": canonical_bytes(PAYLOAD).decode(), **FIELDS}
            for _ in range(count)
        ]
        connection.execute(INSERT, rows)


def insert_by_driver(engine: Engine, clock: SystemClock, count: int) -> None:
    """The same rows without SQLAlchemy between them and the driver, but for its pool."""
    held = [FIELDS[name] for name in COLUMNS[2:-1]]
    payload = [canonical_bytes(PAYLOAD).decode() for _ in range(count)]
    if has_intake(engine):
        marks = ", ".join(["%s"] * len(COLUMNS))
        with transaction(engine) as connection:
            now: object = clock.now()
            rows = [(next(COUNT), now, *held, said) for said in payload]
            connection.exec_driver_sql(f"INSERT INTO {plain.name} ({', '.join(COLUMNS)}) VALUES ({marks})", rows)
        return
    marks = ", ".join(["?"] * len(COLUMNS))
    with sqlite_transaction(engine) as driver:
        now = iso(clock.now())
        for said in payload:
            driver.execute(
                f"INSERT INTO {plain.name} ({', '.join(COLUMNS)}) VALUES ({marks})",
                (next(COUNT), now, *held, said),
            )


def interleaved(sides: Sequence[Callable[[], None]], rounds: int) -> list[float]:
    """Median seconds of one call of each; their order changes with every round."""
    times: list[list[float]] = [[] for _ in sides]
    for side in sides:
        side()
    for turn in range(rounds):
        for which in range(len(sides)) if turn % 2 else reversed(range(len(sides))):
            times[which].append(seconds(sides[which]))
    return [statistics.median(taken) for taken in times]


def measure(engine: Engine, entries: int, writers: int) -> dict[str, float]:
    clock = SystemClock()
    log = SqlAuditLog(engine, clock)

    def repeat(work: Callable[[], None]) -> Callable[[], None]:
        def repeated() -> None:
            for _ in range(BLOCK):
                work()

        return repeated

    def sides(count: int) -> list[Callable[[], None]]:
        records = [RECORD] * count
        return [
            lambda: insert(engine, clock, count),
            lambda: insert_by_driver(engine, clock, count),
            lambda: log.append_all(records),
        ]

    one = interleaved([repeat(side) for side in sides(1)], entries // BLOCK)
    batch = interleaved(sides(BATCH), max(10, entries // BATCH * 2))
    figures = {
        "plain_insert_us": one[0] * 1e6 / BLOCK,
        "driver_insert_us": one[1] * 1e6 / BLOCK,
        "audited_append_us": one[2] * 1e6 / BLOCK,
        "ratio_one_at_a_time": one[2] / one[0],
        "ratio_one_at_a_time_to_driver": one[2] / one[1],
        "plain_batch_us_per_row": batch[0] * 1e6 / BATCH,
        "audited_batch_us_per_row": batch[2] * 1e6 / BATCH,
        "ratio_in_batches_of_64": batch[2] / batch[0],
        "ratio_in_batches_of_64_to_driver": batch[2] / batch[1],
    }
    if has_intake(engine):
        figures |= side_by_side(engine, log, clock, entries, writers)
    return figures


def side_by_side(engine: Engine, log: SqlAuditLog, clock: SystemClock, entries: int, writers: int) -> dict[str, float]:
    """Several writers at once: until all are acknowledged, and until all have their places."""
    each = max(1, entries // 10 // writers)

    def many(work: Callable[[], None]) -> None:
        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(lambda _: [work() for _ in range(each)], range(writers)))

    integrate(engine)
    placed: list[float] = []
    acknowledged: list[float] = []

    def audited() -> None:
        started = time.perf_counter()
        many(lambda: log.append(RECORD))
        acknowledged.append(time.perf_counter() - started)
        integrate(engine)
        placed.append(time.perf_counter() - started)

    times: list[float] = []
    for _ in range(10):
        times.append(seconds(lambda: many(lambda: insert(engine, clock, 1))))
        audited()
    base = statistics.median(times)
    return {
        "writers": writers,
        "ratio_writers_acknowledged": statistics.median(acknowledged) / base,
        "ratio_writers_placed": statistics.median(placed) / base,
    }


@contextmanager
def sequencer(url: str, *, wanted: bool) -> Generator[None]:
    """The worker's sequencer, in a process of its own as in production."""
    if not wanted:
        yield
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=run_sequencer, args=(url, stop), daemon=True)
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join(timeout=20)


def run_sequencer(url: str, stop: threading.Event) -> None:
    engine = open_database(url)
    with sequencing(engine, threading.Event()):
        stop.wait()
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=2000)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--url")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = arguments.url or f"sqlite:///{Path(directory) / 'benchmark.db'}"
        engine = open_database(url)
        metadata.create_all(engine, tables=[t for name, t in metadata.tables.items() if name.startswith("audit_")])
        plain.metadata.drop_all(engine)
        plain.metadata.create_all(engine)
        with sequencer(url, wanted=has_intake(engine)):
            figures = measure(engine, arguments.entries, arguments.writers)
        integrate(engine)
        report = verify_log(engine)
        if not report.ok or report.pending:
            raise SystemExit(f"the log that was measured does not hold: {report}")
        plain.metadata.drop_all(engine)
        engine.dispose()
    table = Table("figure", "value", title=f"audited appends, {engine.dialect.name}, {report.entries} entries verified")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.3f}" if "ratio" in name else f"{value:,.1f}")
    Console().print(table)
    rounded = {name: round(value, 3) for name, value in figures.items()}
    print(json.dumps({"benchmark": "audit_append", "database": engine.dialect.name, **rounded}))


if __name__ == "__main__":
    main()
