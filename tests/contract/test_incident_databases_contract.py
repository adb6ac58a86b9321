"""The incident room means the same on SQLite and on PostgreSQL, also when two of them work at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from agents.incident.correlation import Correlator
from agents.incident.inbox import AlertInbox, InboxReceipt
from agents.incident.leasing import Leases
from agents.incident.repositories import incidents as incident_rows
from agents.incident.repositories import leases as lease_rows
from agents.incident.store import IncidentStore
from agents.incident.tables import alerts, leases
from audit.log import SqlAuditLog
from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.database import reading, transaction
from foundation.errors import Conflict
from platform_core.monitoring.alert import Alert
from platform_core.urn import urn
from tests.fakes.fresh_database import KINDS, DatabaseKind, fresh_database
from tests.fakes.incident_room import IncidentRoom, open_room
from tests.fakes.lineage import small_lineage
from tests.fakes.proposing import Asked


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    kind: DatabaseKind = request.param
    with fresh_database(kind, tmp_path) as engine:
        yield engine


@pytest.fixture
def room(database: Engine, tmp_path: Path, clock: FixedClock) -> Iterator[IncidentRoom]:
    url = database.url.render_as_string(hide_password=False)
    # One file serves both on SQLite; LangGraph's tables and ours do not share a name.
    room = open_room(tmp_path, clock, url=url)
    yield room
    room.worker.close()
    room.engine.dispose()


def at_once(count: int, task: Callable[[], object]) -> list[object]:
    """What `count` threads that start together got, exceptions among it."""
    ready, answers = threading.Barrier(count), []

    def run() -> None:
        ready.wait()
        try:
            answers.append(task())
        except Conflict as error:
            answers.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def alert(clock: FixedClock, number: int = 1) -> Alert:
    return Alert(
        source="t",
        fingerprint=f"f{number}",
        starts_at=clock.now(),
        kind="volume",
        subject=urn("source", "payments_br"),
        summary="no rows",
        value=0.0,
        labels={"alertname": "Volume"},
    )


def test_the_whole_flow(room: IncidentRoom) -> None:
    room.inbox.receive([room.alert(1), room.alert(2, "volume")])
    room.settle()
    room.approve()
    room.settle()
    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("mitigated", "mitigated")
    assert room.target.read()["changes"] == 1
    assert room.store.by_label(incident.label) == incident
    assert verify_log(room.engine).ok
    newest = room.store.newest_proposal(incident.id)
    assert newest is not None
    assert newest[1].digest_holds()


def test_the_same_alert_from_many_senders_at_once_is_stored_once(database: Engine, clock: FixedClock) -> None:
    inbox = AlertInbox(database, clock, SqlAuditLog(database, clock))
    batch = [alert(clock, number) for number in range(5)]
    receipts = [r for r in at_once(4, lambda: inbox.receive(batch)) if isinstance(r, InboxReceipt)]
    assert sum(receipt.accepted for receipt in receipts) == 5
    assert sum(receipt.duplicates for receipt in receipts) == 15
    with reading(database) as connection:
        assert connection.scalar(sa.select(sa.func.sum(alerts.c.repeats))) == 15
    assert len(SqlAuditLog(database, clock).entries()) == 5


def test_two_correlators_open_one_incident(database: Engine, clock: FixedClock) -> None:
    audit = SqlAuditLog(database, clock)
    AlertInbox(database, clock, audit).receive([alert(clock, number) for number in range(20)])
    correlator = Correlator(database, clock, audit, small_lineage)
    assert sum(n for n in at_once(4, correlator.correlate) if isinstance(n, int)) == 20
    store = IncidentStore(database, clock, audit)
    (incident,) = store.list()
    assert len(store.alerts(incident.id)) == 20


def test_of_many_claims_one_wins(database: Engine, clock: FixedClock) -> None:
    audit = SqlAuditLog(database, clock)
    AlertInbox(database, clock, audit).receive([alert(clock)])
    Correlator(database, clock, audit, small_lineage).correlate()
    (incident,) = IncidentStore(database, clock, audit).list()
    workers = iter([Leases(database) for _ in range(6)])
    assert at_once(6, lambda: next(workers).claim(incident.id)).count(True) == 1
    with reading(database) as connection:
        assert connection.scalar(sa.select(leases.c.owner)) is not None


def test_a_round_that_begins_while_the_one_before_is_finished_is_worked_on(database: Engine, clock: FixedClock) -> None:
    audit = SqlAuditLog(database, clock)
    AlertInbox(database, clock, audit).receive([alert(clock)])
    Correlator(database, clock, audit, small_lineage).correlate()
    (incident,) = IncidentStore(database, clock, audit).list()
    worker, finishing = Leases(database), threading.current_thread()
    assert worker.claim(incident.id)

    def next_round() -> None:
        with transaction(database) as connection:
            incident_rows.advance_round(connection, incident.id, finished=1)
            lease_rows.wake(connection, incident.id)

    correlator, statements = threading.Thread(target=next_round), []

    @event.listens_for(database, "before_cursor_execute")
    def between_its_statements(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if threading.current_thread() is finishing and not statement.startswith("BEGIN"):
            statements.append(statement)
            if len(statements) == 2:
                correlator.start()
                correlator.join(timeout=0.3)

    worker.finish(incident.id, 1)
    correlator.join()
    assert Leases(database).due([]) == [incident.id]


def test_of_many_moves_one_wins(database: Engine, clock: FixedClock) -> None:
    audit = SqlAuditLog(database, clock)
    AlertInbox(database, clock, audit).receive([alert(clock)])
    Correlator(database, clock, audit, small_lineage).correlate()
    store = IncidentStore(database, clock, audit)
    (incident,) = store.list()
    keys = iter("abcd")
    at_once(4, lambda: store.transition(incident.id, "resolved", key=next(keys), text="closed by hand"))
    moved = [entry.record for entry in audit.entries() if entry.record.action == "incident.resolved"]
    assert sum(record.payload["from"] == "open" for record in moved) == 1


def test_a_persons_edit_is_what_runs_on_either_database(room: IncidentRoom) -> None:
    room.inbox.receive([room.alert()])
    room.settle()
    asked = Asked(room)
    older = asked.waiting
    made = asked.edit()
    assert made.request is not None
    assert asked.approvals.get(older).superseded_by == made.request.id
    asked.approve()
    assert (room.target.read()["restarts"], room.target.read()["changes"]) == (5, 1)
    incident = room.store.list()[0]
    with reading(room.engine) as connection:
        assert not lease_rows.is_done(connection, "inc_none")
        assert lease_rows.is_done(connection, incident.id)
    again = asked.propose(arguments={"restarts": "9"})
    assert again.request is not None
    assert room.store.round_of(incident.id) == 2
