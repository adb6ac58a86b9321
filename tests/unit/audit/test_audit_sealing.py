"""What is personal is unreadable once its key is destroyed, and nothing that was proved is proved any less."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from audit.entry import AuditRecord
from audit.export import export_log, verify_export
from audit.log import SqlAuditLog
from audit.sealing import SHREDDED, SubjectSealing
from audit.tables import audit_entries, audit_subject_keys
from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.errors import InvalidInput, NotFound, Unavailable
from tests.fakes.audit_log import FakeAuditLog

MASTER = b"m" * 32


@pytest.fixture
def sealing(clock: FixedClock) -> SubjectSealing:
    return SubjectSealing(lambda: MASTER, clock)


@pytest.fixture
def log(engine: Engine, clock: FixedClock, sealing: SubjectSealing) -> SqlAuditLog:
    return SqlAuditLog(engine, clock, sealing=sealing)


def engaged(who: str, reason: str) -> AuditRecord:
    return AuditRecord(
        action="kill_switch.engaged", actor=who, subject="kill_switch", payload={"reason": reason, "n": 1}
    )


def reasons(log: SqlAuditLog) -> list[str]:
    return [entry.record.payload["reason"] for entry in log.entries() if "reason" in entry.record.payload]


def test_what_is_personal_is_stored_sealed_and_read_open(log: SqlAuditLog, engine: Engine) -> None:
    log.append(engaged("human:alice", "call me: Alicia Gómez"))
    log.append(engaged("human:bob", "the reason of Bob"))
    log.append(engaged("human:alice", "again"))
    assert reasons(log) == ["call me: Alicia Gómez", "the reason of Bob", "again"]
    with engine.connect() as connection:
        stored = " ".join(connection.scalars(sa.select(audit_entries.c.payload)).all())
        keys = connection.execute(sa.select(audit_subject_keys)).all()
    assert "Alicia" not in stored
    assert "the reason of Bob" not in stored
    assert len(keys) == 2, "one key for each person"
    assert "alice" not in str(keys)
    assert all(entry.record.payload["n"] == 1 for entry in log.entries())
    assert verify_log(engine).ok


def test_shredding_one_person_leaves_the_proofs_and_the_others(
    log: SqlAuditLog, engine: Engine, sealing: SubjectSealing, tmp_path: Path
) -> None:
    log.append(engaged("human:alice", "call me: Alicia Gómez"))
    log.append(engaged("human:bob", "the reason of Bob"))
    before = log.leaf_hashes()
    assert sealing.shred(engine, log, "human:alice", reason="asked to be forgotten", actor="human:root") == 1
    assert reasons(log) == [SHREDDED, "the reason of Bob", "asked to be forgotten"]
    assert log.leaf_hashes()[:2] == before
    assert verify_log(engine).ok
    last = log.entries()[-1].record
    assert (last.action, last.actor, last.payload["keys"]) == ("subject.shredded", "human:root", 1)
    assert "alice" not in last.model_dump_json()

    path = tmp_path / "audit.jsonl"
    with path.open("w", encoding="utf-8") as file:
        export_log(engine, file, shredded=sealing.shredded)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line.get("shredded") for line in lines] == [["reason"], None, None]
    assert verify_export(path).ok
    assert "Alicia" not in path.read_text(encoding="utf-8")


def test_the_key_is_gone_from_the_file(log: SqlAuditLog, engine: Engine, sealing: SubjectSealing) -> None:
    log.append(engaged("human:alice", "secret"))
    with engine.connect() as connection:
        wrapped = bytes(connection.scalar(sa.select(audit_subject_keys.c.wrapped_key)))
    database = Path(str(engine.url.database))

    def on_disk() -> bool:
        return any(wrapped in file.read_bytes() for file in database.parent.glob(f"{database.name}*"))

    assert on_disk()
    sealing.shred(engine, log, "human:alice", reason="asked", actor="human:root")
    assert not on_disk()


def test_after_shredding_a_person_gets_a_new_key(log: SqlAuditLog, engine: Engine, sealing: SubjectSealing) -> None:
    log.append(engaged("human:alice", "old"))
    sealing.shred(engine, log, "human:alice", reason="asked", actor="human:root")
    log.append(engaged("human:alice", "new"))
    assert [reasons(log)[0], reasons(log)[-1]] == [SHREDDED, "new"]


def test_nothing_is_destroyed_that_cannot_be_recorded(
    log: SqlAuditLog, engine: Engine, sealing: SubjectSealing, clock: FixedClock
) -> None:
    log.append(engaged("human:alice", "kept"))
    down = FakeAuditLog(clock)
    down.down = True
    with pytest.raises(Unavailable):
        sealing.shred(engine, down, "human:alice", reason="asked", actor="human:root")
    assert reasons(log) == ["kept"]
    with pytest.raises(NotFound, match="nothing is sealed for 'human:nobody'"):
        sealing.shred(engine, log, "human:nobody", reason="asked", actor="human:root")
    for reason, why in ((" ", "needs a reason"), ("…", "needs a reason"), ("as\x1b[2Jked", "control characters")):
        with pytest.raises(InvalidInput, match=why):
            sealing.shred(engine, log, "human:alice", reason=reason, actor="human:root")


def test_another_key_file_is_noticed_before_anything_is_written(
    log: SqlAuditLog, engine: Engine, clock: FixedClock
) -> None:
    log.append(engaged("human:alice", "kept"))
    wrong = SqlAuditLog(engine, clock, sealing=SubjectSealing(lambda: b"x" * 32, clock))
    with pytest.raises(InvalidInput, match="sealing key file is not the one"):
        wrong.entries()
    assert reasons(log) == ["kept"]


def test_a_payload_that_looks_sealed_is_shown_as_it_lies_there(log: SqlAuditLog, engine: Engine) -> None:
    odd = {"cause": {"sealed": "sbk_unknown", "box": "AAAA"}}
    log.append(AuditRecord(action="test.appended", actor="a", subject="s", payload=odd))
    assert log.entries()[0].record.payload == {"cause": SHREDDED}
    stream = io.StringIO()
    export_log(engine, stream)
    assert '"box":"AAAA"' in stream.getvalue()
