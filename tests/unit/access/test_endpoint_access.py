"""Who may score, from memory."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from foundation.clock import FixedClock
from foundation.errors import Forbidden, Unauthenticated, Unavailable
from interfaces.principals import PrincipalsFile, make_grant
from platform_core.access.directory import PrincipalDirectory
from platform_core.access.endpoints import EndpointAccess
from platform_core.access.principals import Environment
from tests.fakes.audit_log import FakeAuditLog

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def people(tmp_path: Path) -> PrincipalsFile:
    return PrincipalsFile(tmp_path / "principals.yaml", wall=lambda: NOON)


def access(people: PrincipalsFile, at: datetime = NOON, audit: FakeAuditLog | None = None) -> EndpointAccess:
    return EndpointAccess(PrincipalDirectory.load(people.path, may_be_missing=True), audit, wall=at.timestamp)


@pytest.mark.parametrize(
    ("grant", "asking", "may"),
    [
        ((["caller"], ["br"], []), ("br", "production"), True),
        ((["caller"], ["*"], []), ("mx", "production"), True),
        ((["caller"], ["br"], []), ("mx", "production"), False),
        ((["caller"], ["br"], ["staging"]), ("br", "production"), False),
        ((["caller"], ["br"], ["staging"]), ("br", "staging"), True),
        ((["viewer"], ["*"], []), ("br", "production"), False),
        ((["approver"], ["*"], []), ("br", "production"), False),
        ((["oncall"], ["*"], []), ("br", "dev"), True),
    ],
)
def test_by_role_tenant_and_environment(
    people: PrincipalsFile, grant: tuple[list[str], list[str], list[str]], asking: tuple[str, Environment], may: bool
) -> None:
    tenant, environment = asking
    key = people.add("service:checkout", make_grant(*grant))
    asked = access(people)
    for _ in range(2):
        if may:
            assert asked.authorize_endpoint(key, tenant, environment).id == "service:checkout"
        else:
            with pytest.raises(Forbidden, match="service:checkout may not score"):
                asked.authorize_endpoint(key, tenant, environment)


def test_a_further_grant_lends_no_role_to_another_tenant(people: PrincipalsFile) -> None:
    key = people.add("service:checkout", make_grant(["caller"], ["br"]))
    people.grant("service:checkout", make_grant(["viewer"], ["mx"]))
    people.grant("service:checkout", make_grant(["caller"], ["ar"], ["staging"]))
    asked = access(people)
    assert asked.authorize_endpoint(key, "ar", "staging")
    for tenant, environment in (("mx", "production"), ("ar", "production")):
        with pytest.raises(Forbidden):
            asked.authorize_endpoint(key, tenant, environment)  # pyright: ignore[reportArgumentType]


def test_strangers_and_nobody(people: PrincipalsFile) -> None:
    asked = access(people)
    assert not asked.configured
    key = people.add("service:checkout", make_grant(["caller"], ["*"]))
    with pytest.raises(Unauthenticated, match="nobody is known"):
        asked.authorize_endpoint(key, "br", "production")
    asked.refresh()
    assert asked.configured
    for wrong in (None, "", "vigia_checkout_x", "\ud800"):
        with pytest.raises(Unauthenticated):
            asked.authorize_endpoint(wrong, "br", "production")


def test_rotation_overlaps_and_expiry_is_by_the_wall(people: PrincipalsFile) -> None:
    old = people.add("service:checkout", make_grant(["caller"], ["*"]))
    new = people.rotate("service:checkout", overlap=timedelta(hours=1))
    during, after = access(people, NOON + timedelta(minutes=59)), access(people, NOON + timedelta(minutes=61))
    assert during.authorize_endpoint(old, "br", "production") == during.authorize_endpoint(new, "br", "production")
    assert after.authorize_endpoint(new, "br", "production")
    with pytest.raises(Unauthenticated):
        after.authorize_endpoint(old, "br", "production")


def test_a_revoked_key_is_refused_at_the_next_look(people: PrincipalsFile) -> None:
    key = people.add("service:checkout", make_grant(["caller"], ["*"]))
    asked = access(people)
    assert asked.authorize_endpoint(key, "br", "production")
    people.revoke("service:checkout")
    asked.refresh()
    with pytest.raises(Unauthenticated):
        asked.authorize_endpoint(key, "br", "production")
    assert asked.configured, "it was, and taking keys away opens nothing"


def test_a_file_that_cannot_be_read_refuses_everybody(people: PrincipalsFile) -> None:
    key = people.add("service:checkout", make_grant(["caller"], ["*"]))
    asked, good = access(people), people.path.read_text()
    people.path.write_text("principals: [")
    asked.refresh()
    with pytest.raises(Unavailable, match="is not YAML"):
        asked.authorize_endpoint(key, "br", "production")
    people.path.write_text(good)
    asked.refresh()
    assert asked.authorize_endpoint(key, "br", "production")


def test_nothing_is_read_while_it_is_asked(people: PrincipalsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    key = people.add("service:checkout", make_grant(["caller"], ["*"]))
    asked = access(people)

    def no_disk(*_: object, **__: object) -> None:
        raise AssertionError("a request went to the disk")

    for name in ("stat", "open", "read_text"):
        monkeypatch.setattr(Path, name, no_disk)
    assert asked.authorize_endpoint(key, "br", "production")


def test_its_thread_follows_the_file(people: PrincipalsFile) -> None:
    key = people.add("service:checkout", make_grant(["caller"], ["*"]))
    asked = EndpointAccess(PrincipalDirectory.load(people.path, may_be_missing=True), interval=0.01)
    asked.start()
    try:
        assert asked.authorize_endpoint(key, "br", "production")
        people.remove("service:checkout")
        for _ in range(500):
            try:
                asked.authorize_endpoint(key, "br", "production")
            except Unauthenticated:
                return
            time.sleep(0.01)
        raise AssertionError("it still knows who was removed")
    finally:
        asked.stop()


def test_refusals_are_counted_into_one_entry(people: PrincipalsFile) -> None:
    audit = FakeAuditLog(FixedClock(NOON))
    key = people.add("service:checkout", make_grant(["caller"], ["br"]))
    asked = access(people, audit=audit)
    for tenant in ("mx", "mx", "ar", "m\nx"):
        with pytest.raises(Forbidden):
            asked.authorize_endpoint(key, tenant, "production")
    assert audit.records == []
    audit.down = True
    asked.refresh()
    audit.down = False
    asked.refresh()
    told = {(record.subject, record.payload["count"]) for record in audit.records}
    assert told == {("tenant:mx", 2), ("tenant:ar", 1), ("tenant:'m\\nx'", 1)}
    assert {record.action for record in audit.records} == {"call.refused"}
