"""One suite over every implementation of the control plane's port: SQLite, PostgreSQL, the control API over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.database import metadata, open_database
from foundation.errors import Conflict, InvalidInput, NotFound, Unavailable
from foundation.http_errors import install_error_handlers
from platform_core.operations.control_api import ResourceStore, control_router
from platform_core.operations.control_client import ControlClient
from platform_core.operations.resources import ConnectorSpec, RolloutSpec, SourceSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.loopback import serve

CONNECTOR = "urn:vigia:connector:payments_br"
SOURCE = "urn:vigia:source:payments_br"
ENDPOINT = "urn:vigia:endpoint:fraud-br"
TOKEN = "contract-token"


@dataclass
class Plane:
    """The implementation under test, and what lies behind it."""

    store: ResourceStore
    direct: SqlResources
    operations: SqlOperations
    audit: FakeAuditLog


@pytest.fixture(params=["sqlite", "http", pytest.param("postgresql", marks=pytest.mark.server)])
def plane(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[Plane]:
    engine = _postgres() if request.param == "postgresql" else open_database(f"sqlite:///{tmp_path / 'vigia.db'}")
    metadata.create_all(engine)
    audit = FakeAuditLog(clock)
    direct = SqlResources(engine, clock, audit)
    direct.create(CONNECTOR, ConnectorSpec(source="payments_br"), tenant="br", actor="service:setup")
    direct.create(SOURCE, SourceSpec(), tenant="br", actor="service:setup")
    direct.create(
        ENDPOINT,
        RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1"),
        tenant="br",
        actor="service:setup",
    )
    operations = SqlOperations(engine)
    if request.param == "http":
        app = FastAPI()
        install_error_handlers(app)
        app.include_router(control_router(direct, TOKEN))
        with serve(app) as address, ControlClient(address, TOKEN) as client:
            yield Plane(client, direct, operations, audit)
    else:
        yield Plane(direct, direct, operations, audit)
    if request.param == "postgresql":
        metadata.drop_all(engine)
    engine.dispose()


def _postgres() -> Engine:
    url = os.environ.get("VIGIA_TEST_POSTGRES_URL")
    if url is None:
        pytest.skip("VIGIA_TEST_POSTGRES_URL is not set: install PostgreSQL and run scripts/test-servers")
    engine = open_database(url)
    metadata.drop_all(engine)
    return engine


def _patch(plane: Plane, urn: str = CONNECTOR, *, revision: int = 1, key: str = "k-1", **fields: object):
    return plane.store.patch(
        urn, fields, expected_revision=revision, idempotency_key=key, actor="human:alice", reason="it stopped"
    )


def test_get_and_list(plane: Plane):
    assert plane.store.get(CONNECTOR).spec == ConnectorSpec(source="payments_br")
    assert [r.urn for r in plane.store.list()] == [CONNECTOR, ENDPOINT, SOURCE]
    assert [r.urn for r in plane.store.list(kind="endpoint", tenant="br")] == [ENDPOINT]
    assert plane.store.list(tenant="ar") == []


def test_unknown_resource_names_the_nearest(plane: Plane):
    with pytest.raises(NotFound, match=r"did you mean 'urn:vigia:connector:payments_br'"):
        plane.store.get("urn:vigia:connector:payment_br")


def test_patch_changes_spec_revision_event_and_audit(plane: Plane, clock: FixedClock):
    change = _patch(plane, restarts=1)
    assert change.resource.revision == 2
    assert change.previous == {"restarts": 0}
    assert not change.replayed
    assert plane.store.get(CONNECTOR) == change.resource
    (event,) = plane.operations.changes(clock.now(), clock.now())
    assert (event.id, event.kind, event.subject, event.author) == (
        change.change_event_id,
        "config",
        CONNECTOR,
        "human:alice",
    )
    record = plane.audit.records[-1]
    assert (record.action, record.actor, record.subject) == ("resource.patched", "human:alice", CONNECTOR)
    assert record.payload["before"] == {"restarts": 0}
    assert record.payload["after"] == {"restarts": 1}


def test_undo_is_a_patch_with_the_fields_as_they_were(plane: Plane):
    since = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
    change = _patch(plane, SOURCE, quarantine_since=since)
    assert change.resource.spec == SourceSpec(quarantine_since=since)
    undone = _patch(plane, SOURCE, revision=2, key="k-2", **change.previous)
    assert undone.resource.spec == SourceSpec()


def test_a_moved_revision_is_a_conflict_and_changes_nothing(plane: Plane):
    _patch(plane, restarts=1)
    with pytest.raises(Conflict, match="at revision 2, not 1"):
        _patch(plane, key="k-2", restarts=2)
    assert plane.store.get(CONNECTOR).revision == 2


def test_the_same_key_answers_again_and_does_nothing(plane: Plane, clock: FixedClock):
    first = _patch(plane, restarts=1)
    again = _patch(plane, restarts=1)
    assert again == first.model_copy(update={"replayed": True})
    assert plane.store.get(CONNECTOR).revision == 2
    assert len(plane.operations.changes(clock.now(), clock.now())) == 1


def test_the_same_key_for_another_request_is_a_conflict(plane: Plane):
    _patch(plane, restarts=1)
    with pytest.raises(Conflict, match="'k-1' was used for another request"):
        _patch(plane, restarts=5)
    with pytest.raises(Conflict, match="'k-1' was used for another request"):
        _patch(plane, SOURCE, quarantine_since="2026-11-19T05:51:00Z")


def test_find_tells_a_crashed_caller_what_happened(plane: Plane):
    assert plane.store.find("k-1") is None
    change = _patch(plane, restarts=1)
    assert plane.store.find("k-1") == change


def test_nothing_happens_under_a_withdrawn_key(plane: Plane):
    assert plane.store.withdraw("k-1", actor="service:worker") is None
    assert plane.store.withdraw("k-1", actor="service:worker") is None
    with pytest.raises(Conflict, match="'k-1' was withdrawn"):
        _patch(plane, restarts=1)
    assert plane.store.find("k-1") is None
    assert plane.store.get(CONNECTOR).revision == 1
    assert [record.action for record in plane.audit.records].count("resource.change_withdrawn") == 1


def test_what_has_happened_is_not_withdrawn(plane: Plane):
    change = _patch(plane, restarts=1)
    assert plane.store.withdraw("k-1", actor="service:worker") == change
    assert plane.store.find("k-1") == change


def test_of_a_change_and_its_withdrawal_one_wins(plane: Plane):
    def attempt(number: int) -> object:
        if number % 2:
            return plane.store.withdraw("k-1", actor="service:worker")
        try:
            return _patch(plane, restarts=1).change_event_id
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(8)))
    made = plane.store.find("k-1")
    assert plane.store.get(CONNECTOR).revision == (1 if made is None else 2)
    assert made is not None or answers == [None] * 8


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"restart": 1}, r"no field 'restart' \(did you mean 'restarts'\?\)"),
        ({"restarts": "many"}, r"does not validate: restarts: .*integer"),
        ({"desired": "gone"}, "does not validate: desired"),
        ({"kind": "job"}, "kind cannot be changed"),
        ({"restarts": 0}, "nothing to change: restarts=0 already"),
        ({}, "sets no field"),
    ],
)
def test_a_patch_that_does_not_fit_says_why(plane: Plane, fields: dict[str, object], message: str):
    with pytest.raises(InvalidInput, match=message):
        _patch(plane, **fields)
    assert plane.store.get(CONNECTOR).revision == 1
    assert plane.store.find("k-1") is None


def test_patch_of_an_unknown_resource(plane: Plane):
    with pytest.raises(NotFound):
        _patch(plane, "urn:vigia:connector:payments_cl", restarts=1)


def test_status_moves_no_revision(plane: Plane):
    plane.direct.report_status(CONNECTOR, {"state": "failed", "error": "task 0 died", "backlog": 12})
    resource = plane.store.get(CONNECTOR)
    assert resource.status["state"] == "failed"
    assert resource.revision == 1


def test_nothing_is_stored_when_the_audit_log_cannot_be_written(plane: Plane, clock: FixedClock):
    plane.audit.down = True
    with pytest.raises(Unavailable):
        _patch(plane, restarts=1)
    plane.audit.down = False
    assert plane.store.get(CONNECTOR).revision == 1
    assert plane.store.find("k-1") is None
    assert plane.operations.changes(clock.now(), clock.now()) == []


def test_concurrent_patches_one_wins(plane: Plane):
    def attempt(number: int) -> bool:
        try:
            _patch(plane, key=f"k-{number}", restarts=number)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(1, 9))) == 1
    assert plane.store.get(CONNECTOR).revision == 2


def test_concurrent_requests_under_one_key_change_once(plane: Plane):
    with ThreadPoolExecutor(8) as pool:
        changes = list(pool.map(lambda _: _patch(plane, restarts=1), range(8)))
    assert sum(not change.replayed for change in changes) == 1
    assert len({change.change_event_id for change in changes}) == 1
    assert plane.store.get(CONNECTOR).revision == 2


def test_create_twice_is_a_conflict(plane: Plane):
    with pytest.raises(Conflict, match="exists already"):
        plane.direct.create(SOURCE, SourceSpec(), actor="service:setup")
    with pytest.raises(InvalidInput, match="names a source but"):
        plane.direct.create("urn:vigia:source:x", ConnectorSpec(source="x"), actor="service:setup")
