"""Pseudonyms that can be reversed: one value one name in every process, by few people, and never unseen."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from foundation.clock import FixedClock
from foundation.errors import Forbidden, InvalidInput, NotFound, Unavailable
from guardrails.redaction.engine import Redactor
from guardrails.redaction.pseudonyms import Fingerprints, Value
from guardrails.redaction.recognizers.br_cpf import RECOGNIZER as CPF
from guardrails.redaction.recognizers.url_password import RECOGNIZER as PASSWORD
from guardrails.redaction.reveal import RevealDesk
from guardrails.redaction.tables import pseudonyms
from guardrails.redaction.vault import UNKEPT_DIGITS, Vault
from platform_core.access.principals import Principal
from tests.fakes.audit_log import FakeAuditLog

MARKS, SEAL = b"a key for tests, 32 bytes long..", b"another key, 32 bytes long too.."
APPROVER = Principal(id="human:ana", name="Ana", roles=frozenset({"approver"}), tenants=frozenset({"*"}))
REASON = "the customer asked why, ticket 4711"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 19, tzinfo=UTC))


def vault(path: Path, clock: FixedClock, seal: bytes = SEAL) -> Vault:
    return Vault.open(f"sqlite:///{path / 'vault.db'}", clock, MARKS, seal, keep=timedelta(days=90))


def cpfs(*numbers: int) -> list[Value]:
    return [Value("CPF", f"{number:011d}", CPF) for number in numbers]


def test_a_name_is_the_same_in_every_process_and_reversible(tmp_path: Path, clock: FixedClock) -> None:
    one, other = vault(tmp_path, clock), vault(tmp_path, clock)
    (name,) = one.names(cpfs(52998224725))
    assert other.names(cpfs(52998224725)) == [name]
    assert name == Redactor(MARKS).redact("529.982.247-25"), "as it would be named without a vault"
    assert other.reveal(name) == "52998224725"


def test_no_two_values_share_a_name(tmp_path: Path, clock: FixedClock) -> None:
    values = cpfs(*range(2000))
    marks = Fingerprints(MARKS)
    assert len({marks.of("CPF", value.text)[:4] for value in values}) < 2000, "four digits alone would not do"
    first = vault(tmp_path, clock)
    names = [name for at in range(0, 2000, 500) for name in first.names(values[at : at + 500])]
    assert len(set(names)) == 2000
    again = vault(tmp_path, clock)
    assert again.names(values[::-1]) == names[::-1]
    for value, name in list(zip(values, names, strict=True))[::97]:
        assert again.reveal(name) == value.text


def test_processes_at_once_agree(tmp_path: Path, clock: FixedClock) -> None:
    values = cpfs(*range(300))
    vaults = [vault(tmp_path, clock) for _ in range(4)]
    given: list[list[str]] = []
    threads = [threading.Thread(target=lambda v=v: given.append(v.names(values))) for v in vaults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 4
    assert given[0] == given[1] == given[2] == given[3]


def test_the_file_holds_no_value_and_another_key_opens_nothing(tmp_path: Path, clock: FixedClock) -> None:
    held = vault(tmp_path, clock)
    (name,) = held.names(cpfs(52998224725))
    for file in tmp_path.iterdir():
        assert b"52998224725" not in file.read_bytes()
    with pytest.raises(Unavailable, match="decrypted"):
        vault(tmp_path, clock, seal=b"x" * 32).reveal(name)


def test_what_was_moved_to_another_name_does_not_open(tmp_path: Path, clock: FixedClock) -> None:
    held = vault(tmp_path, clock)
    one, two = held.names(cpfs(1, 2))
    with sqlite3.connect(tmp_path / "vault.db") as connection:
        connection.execute(
            "UPDATE redaction_pseudonyms SET sealed = (SELECT sealed FROM redaction_pseudonyms WHERE pseudonym = ?) "
            "WHERE pseudonym = ?",
            (one, two),
        )
    with pytest.raises(Unavailable):
        held.reveal(two)


def test_secrets_have_names_and_are_never_kept(tmp_path: Path, clock: FixedClock) -> None:
    held = vault(tmp_path, clock)
    (name,) = held.names([Value("PASSWORD", "hunter2", PASSWORD)])
    assert name.startswith("<PASSWORD_")
    with pytest.raises(NotFound, match="never kept"):
        held.reveal(name)


def test_what_is_old_is_forgotten(tmp_path: Path, clock: FixedClock) -> None:
    (name,) = vault(tmp_path, clock).names(cpfs(7))
    clock.advance(timedelta(days=91))
    held = vault(tmp_path, clock)
    with pytest.raises(NotFound):
        held.reveal(name)
    assert held.names(cpfs(7)) == [name]


def test_naming_goes_on_while_the_vault_cannot_be_written(tmp_path: Path, clock: FixedClock) -> None:
    held = vault(tmp_path, clock)
    with sqlite3.connect(tmp_path / "vault.db") as connection:
        connection.execute("DROP TABLE redaction_pseudonyms")
    (name,) = held.names(cpfs(52998224725))
    assert len(name) == len("<CPF_>") + UNKEPT_DIGITS
    redacted = Redactor(MARKS, names=held).redact("cpf 529.982.247-25")
    assert redacted == f"cpf {name}"


class Desk:
    def __init__(self, path: Path, clock: FixedClock) -> None:
        self.vault = vault(path, clock)
        self.audit = FakeAuditLog(clock)
        self.desk = RevealDesk(self.vault, self.audit, redact=Redactor(MARKS).redact, permits=self.refusal)
        self.refused: str | None = None
        (self.name,) = self.vault.names(cpfs(52998224725))

    def refusal(self, _principal: Principal) -> str | None:
        return self.refused


@pytest.fixture
def desk(tmp_path: Path, clock: FixedClock) -> Desk:
    return Desk(tmp_path, clock)


@pytest.mark.parametrize("spelled", ["{}", "<{}>", "&lt;{}&gt;", " {} "])
def test_a_reveal_is_in_the_log_without_the_value(desk: Desk, spelled: str) -> None:
    bare = desk.name.strip("<>")
    found = desk.desk.reveal(spelled.format(bare), APPROVER, f"{REASON}, cpf 529.982.247-25")
    assert found.value.get_secret_value() == "52998224725"
    assert "52998224725" not in repr(found)
    assert "52998224725" not in found.model_dump_json()
    (record,) = desk.audit.records
    assert (record.action, record.actor, record.subject) == (
        "pseudonym.revealed",
        "human:ana",
        desk.name,
    )
    assert "529" not in str(record.payload), "nor in the reason somebody typed"
    assert "4711" in str(record.payload)


@pytest.mark.parametrize(
    "who",
    [
        APPROVER.model_copy(update={"first_roles": frozenset({"oncall", "viewer", "responder"})}),
        APPROVER.model_copy(update={"first_tenants": frozenset({"br"})}),
        APPROVER.model_copy(update={"id": "agent:incident"}),
        APPROVER.model_copy(update={"id": "service:worker"}),
    ],
)
def test_others_are_refused_and_that_is_in_the_log(desk: Desk, who: Principal) -> None:
    with pytest.raises(Forbidden):
        desk.desk.reveal(desk.name, who, REASON)
    (record,) = desk.audit.records
    assert record.action == "pseudonym.reveal_refused"


def test_the_policy_may_refuse_on_top(desk: Desk) -> None:
    desk.refused = "frozen"
    with pytest.raises(Forbidden, match="frozen"):
        desk.desk.reveal(desk.name, APPROVER, REASON)


def test_without_a_reason_or_an_entry_nothing_is_revealed(desk: Desk) -> None:
    for reason in ("because", ". . . . . . . . .", f"{REASON}\x1b[2J", f"{REASON}\u202e", "why " * 600):
        with pytest.raises(InvalidInput, match="reason"):
            desk.desk.reveal(desk.name, APPROVER, reason)
    with pytest.raises(InvalidInput, match="no pseudonym"):
        desk.desk.reveal("CPF_zz", APPROVER, REASON)
    with pytest.raises(NotFound):
        desk.desk.reveal("<CPF_0000000000>", APPROVER, REASON)

    desk.audit.down = True
    with pytest.raises(Unavailable):
        desk.desk.reveal(desk.name, APPROVER, REASON)


def test_rows_say_only_what_they_must(tmp_path: Path, clock: FixedClock) -> None:
    vault(tmp_path, clock).names(cpfs(52998224725))
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'vault.db'}")
    with engine.connect() as connection:
        row = connection.execute(sa.select(pseudonyms)).one()
    engine.dispose()
    assert set(row._fields) == {"pseudonym", "entity", "fingerprint", "sealed", "created_at"}


def test_what_is_too_old_is_not_revealed_and_forgotten_also_in_a_process_that_stays(
    tmp_path: Path, clock: FixedClock
) -> None:
    running = vault(tmp_path, clock)
    (name,) = running.names(cpfs(52998224725))
    clock.advance(timedelta(days=91))
    with pytest.raises(NotFound):
        running.reveal(name)
    running.names(cpfs(11144477735))
    with sqlite3.connect(tmp_path / "vault.db") as connection:
        (left,) = connection.execute("SELECT count(*) FROM redaction_pseudonyms").fetchone()
    connection.close()
    assert left == 1
