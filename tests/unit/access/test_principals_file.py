"""The principals file: nothing lost, everything recorded, no key kept."""

from __future__ import annotations

import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.entry import AuditRecord
from foundation.errors import Conflict, InvalidInput, NotFound, Unauthenticated, Unavailable
from interfaces.principals import PrincipalsFile, make_grant, open_directory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CALLER = make_grant(["caller"], ["*"])


class Recorder:
    """Keeps what was recorded; `down` fails as a log that cannot be written does, `full` at the commit."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.down = self.full = False

    @contextmanager
    def __call__(self, record: AuditRecord) -> Generator[None]:
        if self.down:
            raise Unavailable("the audit log is down")
        yield
        if self.full:
            raise Unavailable("the disk is full")
        self.records.append(record)


@pytest.fixture
def log() -> Recorder:
    return Recorder()


@pytest.fixture
def people(tmp_path: Path, log: Recorder) -> PrincipalsFile:
    return PrincipalsFile(tmp_path / "principals.yaml", actor="human:root", recording=log, wall=lambda: NOON)


def test_every_change_is_recorded_and_no_key_is(people: PrincipalsFile, log: Recorder) -> None:
    keys = [people.add("service:checkout", CALLER)]
    people.grant("service:checkout", make_grant(["viewer"], ["mx"], ["dev"]))
    keys.append(people.rotate("service:checkout", overlap=timedelta(0)))
    people.revoke("service:checkout")
    people.remove("service:checkout")
    told = [(r.action, r.actor, r.subject) for r in log.records]
    names = ("added", "granted", "key_added", "keys_revoked", "removed")
    assert told == [(f"principal.{name}", "human:root", "service:checkout") for name in names]
    assert log.records[1].payload == {"roles": ["viewer"], "tenants": ["mx"], "environments": ["dev"]}
    kept = people.path.read_text() + repr(log.records)
    assert not any(key in kept for key in keys)


@pytest.mark.parametrize("how", ["down", "full"])
def test_without_its_entry_a_change_does_not_stay(people: PrincipalsFile, log: Recorder, how: str) -> None:
    setattr(log, how, True)
    with pytest.raises(Unavailable):
        people.add("human:ana", CALLER)
    assert not people.path.exists()
    setattr(log, how, False)
    people.add("human:ana", CALLER)
    before = people.path.read_bytes()
    setattr(log, how, True)
    with pytest.raises(Unavailable):
        people.remove("human:ana")
    assert people.path.read_bytes() == before


def test_two_at_once_lose_nobody(people: PrincipalsFile) -> None:
    """Each with a lock of its own, as two processes have."""
    names = [f"service:s{number}" for number in range(24)]

    def add(mine: list[str]) -> None:
        other = PrincipalsFile(people.path)
        for name in mine:
            other.add(name, CALLER)

    threads = [threading.Thread(target=add, args=(names[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.id for each in people.grants()) == sorted(names)


def test_an_old_entry_keeps_its_key_until_it_is_rotated(people: PrincipalsFile) -> None:
    from platform_core.access.keys import key_digest

    people.path.write_text(
        "principals:\n  - {id: human:ana, name: Ana, roles: [admin], tenants: ['*'], "
        f"api_key_sha256: {key_digest('old').hex()}}}\n"
    )
    assert open_directory(people.path, "production").by_api_key("old").id == "human:ana"
    new = people.rotate("human:ana", overlap=timedelta(0))
    directory = open_directory(people.path, "production")
    assert directory.by_api_key(new).id == "human:ana"
    with pytest.raises(Unauthenticated):
        directory.by_api_key("old")


def test_one_key_of_two_is_revoked(people: PrincipalsFile) -> None:
    first = people.add("human:ana", CALLER)
    second = people.rotate("human:ana", overlap=timedelta(days=1))
    gone = people.grants()[0].keys[0].id
    assert people.revoke("human:ana", gone) == [gone]
    with pytest.raises(NotFound, match="has no key"):
        people.revoke("human:ana", gone)
    directory = open_directory(people.path, "production")
    assert directory.by_api_key(second)
    with pytest.raises(Unauthenticated):
        directory.by_api_key(first)


def test_what_does_not_fit_changes_nothing(people: PrincipalsFile, log: Recorder) -> None:
    people.add("human:ana", CALLER)
    before = people.path.read_bytes()
    with pytest.raises(Conflict, match="rotate"):
        people.add("human:ana", CALLER)
    for wrong in ("robot:r2", "human:a b", "human:"):
        with pytest.raises(InvalidInput, match="id"):
            people.add(wrong, CALLER)
    for roles, tenants, environments in ((["king"], ["*"], []), (["viewer"], ["*"], ["prod"])):
        with pytest.raises(InvalidInput):
            make_grant(roles, tenants, environments)
    with pytest.raises(NotFound, match="known: human:ana"):
        people.rotate("human:bob", overlap=timedelta(0))
    with pytest.raises(InvalidInput, match="negative"):
        people.rotate("human:ana", overlap=timedelta(-1))
    with pytest.raises(InvalidInput, match="beyond all time"):
        people.rotate("human:ana", overlap=timedelta.max)
    assert people.path.read_bytes() == before
    assert len(log.records) == 1


def test_it_is_for_its_owner_only(people: PrincipalsFile) -> None:
    people.add("human:ana", CALLER)
    assert stat.S_IMODE(people.path.stat().st_mode) == 0o600


def test_in_a_process_of_another_environment_a_grant_does_not_exist(people: PrincipalsFile) -> None:
    key = people.add("human:ana", make_grant(["admin"], ["*"], ["dev"]))
    people.grant("human:ana", make_grant(["viewer"], ["br"], ["production"]))
    dev = open_directory(people.path, "dev").by_api_key(key)
    production = open_directory(people.path, "production").by_api_key(key)
    staging = open_directory(people.path, "staging").by_api_key(key)
    assert (dev.roles_in(None), dev.may_act_for(None)) == ({"admin"}, True)
    assert (production.roles_in("br"), production.tenants_with()) == ({"viewer"}, {"br"})
    assert (staging.roles_anywhere(), staging.may_act_for("br"), staging.roles_in("br", "staging")) == (
        set(),
        False,
        set(),
    )
