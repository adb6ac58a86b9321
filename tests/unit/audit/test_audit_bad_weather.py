"""Unreadable keys, a full disk, a locked database, a clock that goes backwards: refused and said, and nothing lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from audit.checkpoint import CheckpointSigner
from audit.entry import AuditRecord
from audit.export import export_log, verify_export
from audit.log import SqlAuditLog
from audit.publish import CheckpointPublisher, read_notes
from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.database import open_database, reading, transaction
from foundation.errors import InvalidInput, Unavailable

ORIGIN = "vigia.test/audit"
ROOT = Path(__file__).parents[3]


def record(number: int, size: int = 0) -> AuditRecord:
    payload = {"n": number, "filling": "x" * size}
    return AuditRecord(action="test.appended", actor="human:alice", subject=f"s{number}", payload=payload)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:60]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"PRIVATE", b"PUBLIC")),
        lambda path: path.chmod(0o640),
        lambda path: (path.unlink(), path.mkdir(mode=0o700)),
    ],
    ids=["empty", "truncated", "another kind", "readable by the group", "a directory"],
)
def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "audit.pem"
    CheckpointSigner.load_or_create(path, ORIGIN)
    assert callable(damage)
    damage(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises((InvalidInput, Unavailable), match=r"audit\.pem"):
        CheckpointSigner.load_or_create(path, ORIGIN)
    assert (path.read_bytes() if path.is_file() else None) == before, "what the old key signed must stay checkable"


def test_a_full_database_is_said_and_keeps_what_it_acknowledged(engine: Engine, clock: FixedClock) -> None:
    """SQLITE_FULL: `max_page_count` stands for the disk, and is then given room again."""
    with reading(engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + 20
    limited = open_database(engine.url.render_as_string())

    @sa.event.listens_for(limited, "connect")
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    log = SqlAuditLog(limited, clock)
    acknowledged = 0

    def fill() -> None:
        nonlocal acknowledged
        while acknowledged < 1000:
            log.append(record(acknowledged, size=1000))
            acknowledged += 1

    with pytest.raises(Unavailable, match=r"audit log could not be written.*database or disk is full") as refused:
        fill()
    assert "nothing was done" in str(refused.value.hint)
    assert acknowledged > 0
    assert len(log.entries()) == acknowledged
    limited.dispose()
    SqlAuditLog(engine, clock).append(record(acknowledged))
    report = verify_log(engine)
    assert (report.ok, report.entries) == (True, acknowledged + 1)


DISK = """
import json, resource, signal, sys
from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from foundation.clock import SystemClock
from foundation.database import open_database
from foundation.errors import Unavailable

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
engine = open_database(sys.argv[1])
log, done = SqlAuditLog(engine, SystemClock()), 0
try:
    for number in range(2000):
        log.append(AuditRecord(action="test.appended", actor="a", subject=str(number), payload={"x": "y" * 1000}))
        done += 1
except Unavailable as error:
    print(json.dumps({"done": done, "said": error.message}))
"""


def test_a_disk_that_takes_no_more_loses_nothing_that_was_acknowledged(engine: Engine, clock: FixedClock) -> None:
    """The kernel refuses the write (RLIMIT_FSIZE), as it does on a full disk."""
    database = Path(str(engine.url.database))
    limit = database.stat().st_size + 200_000
    url = engine.url.render_as_string()
    engine.dispose()
    ran = subprocess.run(
        [sys.executable, "-c", DISK, url, str(limit)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    told = json.loads(ran.stdout)
    assert told["done"] > 0
    assert "could not be written" in told["said"]
    report = verify_log(engine)
    assert (report.ok, report.entries) == (True, told["done"])
    SqlAuditLog(engine, clock).append(record(0))


def test_a_locked_database_is_said(engine: Engine, clock: FixedClock) -> None:
    log = SqlAuditLog(engine, clock)
    log.append(record(0))
    other = sqlite3.connect(str(engine.url.database), isolation_level=None)
    impatient = open_database(engine.url.render_as_string())
    sa.event.listen(impatient, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50").close())
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        SqlAuditLog(impatient, clock).append(record(1))
    assert SqlAuditLog(impatient, clock).head().size == 1, "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    SqlAuditLog(impatient, clock).append(record(1))
    impatient.dispose()
    assert verify_log(engine).entries == 2


def test_a_clock_that_goes_back_is_flagged_and_no_fault(engine: Engine, clock: FixedClock, tmp_path: Path) -> None:
    log = SqlAuditLog(engine, clock)
    for minutes in (0, 5, -7, 1, 1):
        clock.advance(timedelta(minutes=minutes))
        log.append(record(minutes))
    path = tmp_path / "audit.jsonl"
    with path.open("w", encoding="utf-8") as file:
        export_log(engine, file)
    for report in (verify_log(engine), verify_export(path)):
        assert (report.ok, report.steps_back, report.largest_step_back_seconds) == (True, 1, 420.0)


def test_a_checkpoint_that_cannot_be_copied_is_said_and_kept(engine: Engine, clock: FixedClock, tmp_path: Path) -> None:
    signer = CheckpointSigner.load_or_create(tmp_path / "audit.pem", ORIGIN)
    with transaction(engine) as connection:
        SqlAuditLog(engine, clock).append(record(0), connection=connection)
    full = CheckpointPublisher(engine, clock, signer, copy_to=Path("/dev/full"))
    with pytest.raises(Unavailable, match="No space left"):
        full.publish()
    assert verify_log(engine, signer=signer).covered == 1
    with pytest.raises(Unavailable, match="cannot be read"):
        read_notes(tmp_path)
