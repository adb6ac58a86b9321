from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from agents.incident.inbox import AlertInbox
from agents.incident.repositories import alerts as rows
from agents.incident.tables import alerts as table
from foundation.clock import FixedClock
from foundation.database import reading
from foundation.errors import Unavailable
from foundation.telemetry import metrics
from guardrails.redaction.engine import Redactor
from platform_core.monitoring.alert import Alert
from tests.fakes.audit_log import FakeAuditLog


def alert(clock: FixedClock, **changes: object) -> Alert:
    values = {
        "source": "alertmanager",
        "fingerprint": "f1",
        "starts_at": clock.now(),
        "kind": "drift",
        "subject": "urn:vigia:source:payments_br",
        "tenant": "br",
        "summary": "PSI 8.1 over 0.25",
        "value": 8.1,
        "labels": {"alertname": "Drift"},
    }
    return Alert.model_validate(values | changes)


def test_an_alert_is_stored_and_audited_and_its_repeat_counted(engine: Engine, clock: FixedClock) -> None:
    audit = FakeAuditLog(clock)
    inbox = AlertInbox(engine, clock, audit, wall=lambda: 12.5)

    first = inbox.receive([alert(clock), alert(clock)])
    second = inbox.receive([alert(clock), alert(clock, fingerprint="f2")])

    assert (first.accepted, first.duplicates) == (1, 1)
    assert (second.accepted, second.duplicates) == (1, 1)
    assert audit.actions() == ["alert.received", "alert.received"]
    with reading(engine) as connection:
        stored = rows.pending(connection, 10)
    assert [(s.alert.fingerprint, s.repeats) for s in stored] == [("f1", 2), ("f2", 0)]
    assert stored[0].alert == alert(clock)
    assert stored[0].received_wall == 12.5


def test_nothing_is_stored_by_halves_when_the_audit_log_fails(engine: Engine, clock: FixedClock) -> None:
    audit = FakeAuditLog(clock)
    inbox = AlertInbox(engine, clock, audit)
    audit.down = True
    with pytest.raises(Unavailable):
        inbox.receive([alert(clock)])
    with reading(engine) as connection:
        assert rows.pending(connection, 10) == []

    audit.down = False
    assert inbox.receive([alert(clock)]).accepted == 1


def test_a_resolved_alert_marks_the_stored_one(engine: Engine, clock: FixedClock) -> None:
    audit = FakeAuditLog(clock)
    inbox = AlertInbox(engine, clock, audit)
    began = clock.now()
    inbox.receive([alert(clock)])
    clock.advance(timedelta(minutes=5))

    receipt = inbox.receive([alert(clock, starts_at=began, status="resolved")])

    assert receipt.resolved == 1
    assert audit.actions()[-1] == "alert.resolved"
    with reading(engine) as connection:
        row = connection.execute(sa.select(table)).one()
    assert row.status == "resolved"
    assert row.resolved_at == clock.now()


def test_an_alert_that_was_over_before_we_heard_of_it_opens_nothing(engine: Engine, clock: FixedClock) -> None:
    inbox = AlertInbox(engine, clock, FakeAuditLog(clock))
    assert inbox.receive([alert(clock, status="resolved")]).accepted == 1
    with reading(engine) as connection:
        assert rows.pending(connection, 10) == []


@pytest.mark.parametrize(("hours", "trusted"), [(-0.9, True), (-1.1, False), (1.1, False), (-24 * 400, False)])
def test_a_start_far_from_our_clock_identifies_but_does_not_date(
    engine: Engine, clock: FixedClock, hours: float, trusted: bool
) -> None:
    inbox = AlertInbox(engine, clock, FakeAuditLog(clock))
    started = clock.now() + timedelta(hours=hours)
    inbox.receive([alert(clock, starts_at=started)])
    assert inbox.receive([alert(clock, starts_at=started)]).duplicates == 1
    with reading(engine) as connection:
        (stored,) = rows.pending(connection, 10)
    assert stored.alert.starts_at == started
    assert stored.effective_at == (started if trusted else clock.now())


def test_personal_data_of_an_alert_is_not_stored_and_its_repeat_is_still_known(
    engine: Engine, clock: FixedClock
) -> None:
    audit = FakeAuditLog(clock)
    inbox = AlertInbox(engine, clock, audit, redact=Redactor(b"k" * 32).redact)
    leaky = alert(
        clock,
        fingerprint="cpf:529.982.247-25",
        summary="refused\x00 for ana@example.com",
        labels={"alertname": "Drift", "customer_cpf": "52998224725", "version": "4.7.0"},
    )
    assert inbox.receive([leaky]).accepted == 1
    assert inbox.receive([leaky]).duplicates == 1
    with reading(engine) as connection:
        (stored,) = rows.pending(connection, 10)
    said = stored.alert.model_dump_json() + "".join(str(e.payload) for e in audit.records)
    assert not any(leak in said for leak in ("529", "ana@example.com", "\\u0000"))
    assert stored.alert.labels["version"] == "4.7.0"
    assert stored.alert.subject == leaky.subject


def test_an_alert_that_fires_again_after_its_end_is_a_new_one(engine: Engine, clock: FixedClock) -> None:
    inbox = AlertInbox(engine, clock, FakeAuditLog(clock))
    began = clock.now()
    inbox.receive([alert(clock)])
    clock.advance(timedelta(minutes=5))
    inbox.receive([alert(clock, starts_at=began, status="resolved")])
    clock.advance(timedelta(minutes=1))

    again = inbox.receive([alert(clock, starts_at=began)])
    repeat = inbox.receive([alert(clock, starts_at=began)])
    assert (again.accepted, repeat.accepted, repeat.duplicates) == (1, 0, 1)
    with reading(engine) as connection:
        first, second = rows.pending(connection, 10)
    assert (first.alert.status, second.alert.status) == ("resolved", "firing")
    assert (second.alert.starts_at, second.repeats) == (clock.now(), 1)

    assert inbox.receive([alert(clock, starts_at=began, status="resolved")]).resolved == 1
    with reading(engine) as connection:
        assert {stored.alert.status for stored in rows.pending(connection, 10)} == {"resolved"}


def test_what_came_in_is_counted_by_kind(engine: Engine, clock: FixedClock) -> None:
    def count(name: str) -> float:
        return metrics.REGISTRY.get_sample_value(name, {"kind": "cost"}) or 0.0

    before = count("vigia_alerts_received_total"), count("vigia_alerts_duplicate_total")
    AlertInbox(engine, clock, FakeAuditLog(clock)).receive([alert(clock, kind="cost"), alert(clock, kind="cost")])
    after = count("vigia_alerts_received_total"), count("vigia_alerts_duplicate_total")
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
