"""What does the audit cost? A durable audited append beside a plain durable insert of the same row, in one run.

Both go through the same engine and the same kind of transaction, one commit per row, interleaved in blocks so that a
slow moment of the disk hits both. The figure that counts is the ratio; the last line is one JSON object.

    python -m benchmarks.audit_append [--entries 2000] [--url sqlite:///…|postgresql+psycopg://…]

With a URL the tables are made in that database if they are missing: give it a database of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from audit.tables import audit_checkpoints, audit_entries
from audit.verify import verify_log
from foundation.canonical import canonical_bytes
from foundation.clock import SystemClock
from foundation.database import UtcDateTime, open_database, transaction

BLOCK = 100
PAYLOAD = {"tool": "restart_connector", "digest": "0" * 64, "approved_by": ["human:alice"], "revision": 41}

plain = sa.Table(
    "benchmark_plain",
    sa.MetaData(),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("recorded_at", UtcDateTime),
    *(sa.Column(name, sa.String(400)) for name in ("action", "actor", "subject", "tenant", "incident_id")),
    sa.Column("payload", sa.Text),
)


def seconds(block: Callable[[], None]) -> float:
    started = time.perf_counter()
    block()
    return time.perf_counter() - started


def measure(engine: Engine, entries: int) -> dict[str, float]:
    """Medians over blocks, in microseconds per row, and the ratio of the medians."""
    clock = SystemClock()
    log = SqlAuditLog(engine, clock)
    record = AuditRecord(action="action.started", actor="service:worker", subject="exe_1", tenant="br", payload=PAYLOAD)
    fields = record.model_dump(exclude={"payload"})
    count, statement = itertools.count(), sa.insert(plain)

    def insert() -> None:
        for _ in range(BLOCK):
            with transaction(engine) as connection:
                payload = canonical_bytes(record.payload).decode()
                row = {"sequence": next(count), "recorded_at": clock.now(), "payload": payload, **fields}
                connection.execute(statement, row)

    def append() -> None:
        for _ in range(BLOCK):
            log.append(record)

    insert()  # warms caches before measuring
    append()
    plain_blocks, audited_blocks = [], []
    for _ in range(max(1, entries // BLOCK)):
        plain_blocks.append(seconds(insert))
        audited_blocks.append(seconds(append))
    micro = 1e6 / BLOCK
    insert_us, append_us = statistics.median(plain_blocks) * micro, statistics.median(audited_blocks) * micro
    size = log.head().size
    verify_s = seconds(lambda: print(verify_log(engine)))
    return {
        "plain_insert_us": round(insert_us, 1),
        "audited_append_us": round(append_us, 1),
        "ratio": round(append_us / insert_us, 3),
        "verify_entries_per_second": round(size / verify_s),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=2000)
    parser.add_argument("--url")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        engine = open_database(arguments.url or f"sqlite:///{Path(directory) / 'benchmark.db'}")
        audit_entries.metadata.create_all(engine, tables=[audit_entries, audit_checkpoints])
        plain.metadata.drop_all(engine)
        plain.metadata.create_all(engine)
        figures = measure(engine, arguments.entries)
        plain.metadata.drop_all(engine)
        engine.dispose()
    print(json.dumps({"benchmark": "audit_append", "database": engine.dialect.name, **figures}))


if __name__ == "__main__":
    main()
