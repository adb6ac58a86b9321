"""How fast is a log verified? A stored log and its export, by ranges and entry by entry, in one run.

The slow way (`audit.replay`, entry by entry) must come to the same root before anything is measured. The last line is
one JSON object.

    python -m benchmarks.audit_verify [--entries 600000] [--url postgresql+psycopg://…]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import Engine

from audit.entry import AuditRecord
from audit.export import export_log, verify_export
from audit.log import SqlAuditLog
from audit.replay import Replay
from audit.scan import scan
from audit.sequencer import integrate
from audit.verify import stream_entries, verify_log
from foundation.clock import SystemClock
from foundation.database import metadata, open_database, reading

T = TypeVar("T")
CHUNK = 5000
SLOWLY = 20_000


def record(number: int) -> AuditRecord:
    payload = {
        "tool": "restart_connector",
        "digest": f"{number:064x}",
        "approved_by": ["human:alice"],
        "text": "conexão reiniciada",
    }
    return AuditRecord(
        action="action.started",
        actor="service:worker",
        subject=f"exe_{number}",
        tenant="br",
        incident_id=f"inc_{number // 40}",
        payload=payload,
    )


def timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def cpu(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of this process's processor, the best of a few: what others do on the machine moves it less."""
    took: list[float] = []
    for _ in range(times):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    return min(took)


def best(work: Callable[[], T], times: int = 3) -> tuple[T, float]:
    """The fastest of a few: what the work takes, without what others did meanwhile."""
    runs = [timed(work) for _ in range(times)]
    return runs[0][0], min(took for _, took in runs)


def entry_by_entry(engine: Engine, count: int) -> str:
    replay = Replay()
    with reading(engine) as connection, closing(stream_entries(connection)) as entries:
        for _ in range(count):
            replay.feed(next(entries))
    return replay.report().root_hash


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=600_000)
    parser.add_argument("--url")
    arguments = parser.parse_args()
    entries = arguments.entries // CHUNK * CHUNK
    with tempfile.TemporaryDirectory() as directory:
        engine = open_database(arguments.url or f"sqlite:///{Path(directory) / 'verify.db'}")
        metadata.create_all(engine, tables=[t for name, t in metadata.tables.items() if name.startswith("audit_")])
        log = SqlAuditLog(engine, SystemClock())
        for start in range(0, entries, CHUNK):
            log.append_all([record(number) for number in range(start, start + CHUNK)])
            integrate(engine)
        path = Path(directory) / "audit.jsonl"
        with path.open("w", encoding="utf-8") as file:
            export_log(engine, file)

        held = scan(engine, frozenset({SLOWLY}), processes=1)
        slow, slow_seconds = timed(lambda: entry_by_entry(engine, SLOWLY))
        if held is None or held[0].roots[SLOWLY] != slow:
            raise SystemExit("the two ways through the log do not agree")
        _, one = best(lambda: scan(engine, frozenset(), processes=1))
        report, all_processes = best(lambda: verify_log(engine))
        exported, export_seconds = best(lambda: verify_export(path))
        one_cpu = cpu(lambda: scan(engine, frozenset(), processes=1))
        export_cpu = cpu(lambda: verify_export(path))
        if not (report.ok and exported.ok and report.root_hash == exported.root_hash):
            raise SystemExit(f"the log that was measured does not hold: {report} {exported}")
        size = report.entries
        engine.dispose()
    figures = {
        "entry_by_entry_per_second": SLOWLY / slow_seconds,
        "one_process_per_second": size / one,
        "one_process_by_processor_time_per_second": size / one_cpu,
        "verify_log_per_second": size / all_processes,
        "verify_export_per_second": size / export_seconds,
        "verify_export_by_processor_time_per_second": size / export_cpu,
    }
    table = Table("way", "entries per second", title=f"verifying {size:,} entries, {os.cpu_count()} processors")
    for name, value in figures.items():
        table.add_row(name.removesuffix("_per_second").replace("_", " "), f"{value:,.0f}")
    Console().print(table)
    rounded = {name: round(value) for name, value in figures.items()}
    print(json.dumps({"benchmark": "audit_verify", "database": engine.dialect.name, "entries": size, **rounded}))


if __name__ == "__main__":
    main()
