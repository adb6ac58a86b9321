"""The copies of the checkpoints are read: cutting off entries and checkpoints together shows."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path

import sqlalchemy as sa

from audit.anchor import Anchor
from audit.entry import AuditRecord
from foundation.database import transaction
from foundation.telemetry import metrics
from interfaces.bootstrap.auditing import checkpoint_now
from interfaces.bootstrap.checkpoints import signing_checkpoints, verify_stored_log
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.settings import Settings
from interfaces.settings.sections import AuditSettings


def written(tmp_path: Path, *, anchor: Path | None = None) -> Foundations:
    base = open_foundations(Settings(data_dir=tmp_path, audit=AuditSettings(anchor_file=anchor)))
    with signing_checkpoints(base, threading.Event()):
        for number in range(5):
            base.audit.append(AuditRecord(action="test.written", actor="human:alice", subject=f"s{number}", payload={}))
    return base


def cut_off(base: Foundations) -> None:
    """As the owner of the database can."""
    with transaction(base.engine) as connection:
        for trigger in connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.exec_driver_sql("DELETE FROM audit_entries WHERE sequence >= 3")
        connection.exec_driver_sql("DELETE FROM audit_checkpoints")


def test_what_was_cut_off_with_its_checkpoint_is_missed(tmp_path: Path) -> None:
    base = written(tmp_path)
    whole = verify_stored_log(base)
    assert (whole.ok, whole.entries, whole.covered) == (True, 5, 5)
    cut_off(base)
    report = verify_stored_log(base)
    assert not report.ok
    assert "a checkpoint vouches for 5: entries 3 to 4 are gone" in (report.problem or "")
    base.engine.dispose()


def test_a_copy_or_an_anchor_that_is_gone_is_missed(tmp_path: Path) -> None:
    anchor, copies = tmp_path / "elsewhere.txt", tmp_path / "checkpoints.txt"
    anchor.touch()
    base = written(tmp_path, anchor=anchor)
    assert verify_stored_log(base).ok
    cut_off(base)
    copies.unlink()
    assert "a checkpoint vouches for 5" in (verify_stored_log(base).problem or "")
    anchor.unlink()
    for path in (copies, anchor):
        report = verify_stored_log(base)
        assert (report.ok, report.entries, report.covered) == (False, 3, 0)
        assert f"{path.name}' cannot be compared: the file is not there" in (report.problem or "")
        path.touch()
    base.engine.dispose()


def test_a_log_that_nobody_signed_yet_holds(tmp_path: Path) -> None:
    base = open_foundations(Settings(data_dir=tmp_path))
    base.audit.append(AuditRecord(action="test.written", actor="human:alice", subject="s", payload={}))
    assert verify_stored_log(base).ok
    assert verify_stored_log(base).ok, "the first one may have made the key"
    base.engine.dispose()


class BrokenChat(Anchor):
    """Raises what its HTTP client left uncaught."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)

    def post(self, note: str) -> None:
        self.asked.release()
        raise http.client.IncompleteRead(b"")


def test_heads_are_signed_after_an_error_that_nobody_thought_of(tmp_path: Path) -> None:
    settings = AuditSettings(checkpoint_seconds=0.01)
    base, chat = open_foundations(Settings(data_dir=tmp_path, audit=settings)), BrokenChat()
    with signing_checkpoints(base, threading.Event(), anchors={"chat": chat}):
        for number in range(3):
            base.audit.append(AuditRecord(action="test.written", actor="human:alice", subject=f"s{number}", payload={}))
            assert chat.asked.acquire(timeout=20), "the thread died"
        age = metrics.REGISTRY.get_sample_value("vigia_audit_checkpoint_age_seconds")
        assert age is not None
        assert 0 <= age < 20
    report = verify_stored_log(base)
    assert (report.ok, report.entries, report.covered) == (True, 3, 3)
    base.engine.dispose()


def test_a_checkpoint_made_by_hand_is_copied_too(tmp_path: Path) -> None:
    base = open_foundations(Settings(data_dir=tmp_path))
    base.audit.append(AuditRecord(action="test.written", actor="human:alice", subject="s", payload={}))
    note = checkpoint_now(base.settings)
    assert note in (tmp_path / "checkpoints.txt").read_text(encoding="utf-8")
    base.engine.dispose()


def test_a_copy_that_was_begun_and_not_ended_is_passed_over(tmp_path: Path) -> None:
    base = written(tmp_path)
    copies = tmp_path / "checkpoints.txt"
    copies.write_text(copies.read_text(encoding="utf-8") + "vigia/audit\n9\n", encoding="utf-8")
    assert verify_stored_log(base).ok
    base.engine.dispose()
