"""An export can be checked anywhere, and says what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from audit.checkpoint import CheckpointSigner
from audit.entry import AuditRecord
from audit.export import export_log, verify_export
from audit.log import SqlAuditLog
from audit.publish import CheckpointPublisher
from foundation.canonical import canonical_bytes
from foundation.clock import FixedClock
from foundation.errors import Unavailable


@pytest.fixture
def signer(tmp_path: Path) -> CheckpointSigner:
    return CheckpointSigner.load_or_create(tmp_path / "audit.pem", "vigia.test/audit")


@pytest.fixture
def exported(engine: Engine, clock: FixedClock, signer: CheckpointSigner, tmp_path: Path) -> Path:
    log = SqlAuditLog(engine, clock)
    for number in range(10):
        payload = {"n": number, "text": "ação → “quoted” \n", "big": 1e20}
        log.append(AuditRecord(action="test.appended", actor="human:alice", subject="s", payload=payload))
        if number == 6:
            CheckpointPublisher(engine, clock, signer).publish()
    path = tmp_path / "audit.jsonl"
    with path.open("w", encoding="utf-8") as file:
        assert export_log(engine, file) == 10
    return path


def test_an_export_verifies_without_a_database(exported: Path, signer: CheckpointSigner) -> None:
    report = verify_export(exported, signer=signer.verifier)
    assert (report.ok, report.entries, report.checkpoints, report.covered) == (True, 10, 1, 7), report


def test_anybody_can_check_a_line_with_sha256(exported: Path) -> None:
    line = json.loads(exported.read_text(encoding="utf-8").splitlines()[0], parse_int=float)
    line["entry"]["sequence"] = 0
    assert hashlib.sha256(b"\x00" + canonical_bytes(line["entry"])).hexdigest() == line["leaf_hash"]


def test_lines_may_be_written_again_by_other_tools(exported: Path) -> None:
    lines = [json.dumps(json.loads(line), indent=None, separators=(", ", ": ")) for line in _lines(exported)]
    exported.write_text("\n".join(lines), encoding="utf-8")
    assert verify_export(exported).ok


@pytest.mark.parametrize(
    ("number", "old", "new", "bad"),
    [(4, '"human:alice"', '"human:mallory"', 4), (4, '"n":4', '"n":5', 4), (4, '"sequence":4', '"sequence":5', 4)],
)
def test_a_changed_line_is_named(exported: Path, number: int, old: str, new: str, bad: int) -> None:
    lines = _lines(exported)
    assert old in lines[number]
    lines[number] = lines[number].replace(old, new)
    exported.write_text("\n".join(lines), encoding="utf-8")
    report = verify_export(exported)
    assert (report.ok, report.first_bad_sequence) == (False, bad)


def test_missing_lines_are_named(exported: Path) -> None:
    lines = _lines(exported)
    exported.write_text("\n".join(lines[:3] + lines[4:]), encoding="utf-8")
    assert verify_export(exported).first_bad_sequence == 3
    exported.write_text("\n".join(lines[:5] + lines[10:]), encoding="utf-8")
    assert verify_export(exported).first_bad_sequence == 5


def test_what_is_no_export_is_a_problem_not_a_crash(exported: Path, tmp_path: Path) -> None:
    exported.write_text('{"entry": {"sequence": 0}, "leaf_hash": ""}\n', encoding="utf-8")
    assert "not a line of an audit export" in (verify_export(exported).problem or "")
    exported.write_text("hello\n", encoding="utf-8")
    assert not verify_export(exported).ok
    with pytest.raises(Unavailable, match="cannot be read"):
        verify_export(tmp_path / "missing.jsonl")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
