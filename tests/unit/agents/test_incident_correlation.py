from __future__ import annotations

import random
import time
from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from agents.incident.correlation import CorrelationRules, Correlator
from agents.incident.inbox import AlertInbox
from agents.incident.store import IncidentStore
from foundation.clock import FixedClock
from platform_core.monitoring.alert import Alert, AlertKind
from platform_core.urn import parse_urn, urn
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.lineage import small_lineage

KINDS: dict[str, list[AlertKind]] = {
    "source": ["drift", "volume", "nulls"],
    "feature_view": ["freshness"],
    "job": ["job_failure"],
    "endpoint": ["score_shift", "latency"],
}


class Room:
    """Inbox, correlator and store over one database."""

    def __init__(self, engine: Engine, clock: FixedClock, tenants: tuple[str, ...] = ("br", "mx")) -> None:
        self.clock = clock
        self.audit = FakeAuditLog(clock)
        self.lineage = small_lineage(tenants)
        self.inbox = AlertInbox(engine, clock, self.audit)
        self.correlator = Correlator(engine, clock, self.audit, lambda: self.lineage, rules=CorrelationRules())
        self.store = IncidentStore(engine, clock, self.audit)
        self.count = 0

    def alert(self, kind: AlertKind, subject: str, tenant: str | None = None, **more: object) -> None:
        self.count += 1
        values = {
            "source": "test",
            "fingerprint": f"f{self.count}",
            "starts_at": self.clock.now(),
            "kind": kind,
            "subject": subject,
            "tenant": tenant,
            "summary": f"{kind} on {subject}",
        }
        self.inbox.receive([Alert.model_validate(values | more)])


@pytest.fixture
def room(engine: Engine, clock: FixedClock) -> Room:
    return Room(engine, clock)


def test_alerts_along_the_lineage_of_one_tenant_are_one_incident(room: Room) -> None:
    room.alert("freshness", urn("feature_view", "card_velocity"), "br")
    room.alert("volume", urn("source", "payments_br"))
    room.alert("score_shift", urn("endpoint", "fraud-br"), severity="critical")

    assert room.correlator.correlate() == 3
    assert room.correlator.correlate() == 0

    (incident,) = room.store.list()
    assert incident.label == "INC-0001"
    assert (incident.tenant, incident.severity, incident.status) == ("br", "critical", "open")
    assert len(incident.subjects) == 3
    assert len(room.store.alerts(incident.id)) == 3
    assert [event.kind for event in room.store.timeline(incident.id)] == ["incident.opened"]
    assert room.audit.actions().count("incident.opened") == 1


def test_two_tenants_faults_are_two_incidents_though_they_share_a_view(room: Room) -> None:
    room.alert("freshness", urn("feature_view", "card_velocity"), "br")
    room.alert("freshness", urn("feature_view", "card_velocity"), "mx")
    room.correlator.correlate()
    assert {incident.tenant for incident in room.store.list()} == {"br", "mx"}


def test_a_shared_symptom_of_several_tenants_is_one_incident(room: Room) -> None:
    room.alert("latency", urn("endpoint", "fraud-br"))
    room.correlator.correlate()
    room.alert("latency", urn("endpoint", "fraud-mx"))
    room.correlator.correlate()
    (incident,) = room.store.list()
    assert incident.tenant is None


def test_money_is_not_mixed_with_outages(room: Room) -> None:
    room.alert("cost", urn("endpoint", "fraud-br"))
    room.alert("score_shift", urn("endpoint", "fraud-br"))
    room.correlator.correlate()
    assert len(room.store.list()) == 2


def test_a_later_alert_joins_the_open_incident(room: Room, clock: FixedClock) -> None:
    room.alert("volume", urn("source", "payments_br"))
    room.correlator.correlate()
    clock.advance(timedelta(minutes=45))
    room.alert("score_shift", urn("endpoint", "fraud-br"), severity="critical")
    room.correlator.correlate()

    (incident,) = room.store.list()
    assert incident.severity == "critical"
    assert [event.kind for event in room.store.timeline(incident.id)] == ["incident.opened", "alert.joined"]


def _finish(room: Room, *, resolved: bool) -> None:
    (incident,) = room.store.list()
    steps = ["investigating", "awaiting_approval", "mitigating", "mitigated", *(["resolved"] if resolved else [])]
    for status in steps:
        room.store.transition(incident.id, status, key=status, text=status)  # type: ignore[arg-type]


def test_a_recurrence_after_resolution_opens_a_new_incident(room: Room) -> None:
    room.alert("volume", urn("source", "payments_br"))
    room.correlator.correlate()
    _finish(room, resolved=True)
    room.alert("volume", urn("source", "payments_br"))
    room.correlator.correlate()
    assert [incident.number for incident in room.store.list()] == [2, 1]


@pytest.mark.parametrize(("minutes", "incidents"), [(10, 1), (31, 2)])
def test_an_echo_within_the_cooldown_pages_nobody(room: Room, clock: FixedClock, minutes: int, incidents: int) -> None:
    room.alert("volume", urn("source", "payments_br"))
    room.correlator.correlate()
    _finish(room, resolved=False)
    clock.advance(timedelta(minutes=minutes))
    room.alert("freshness", urn("feature_view", "device_risk"), "br")
    room.correlator.correlate()
    assert len(room.store.list()) == incidents


def test_a_storm_of_a_thousand_alerts_is_a_handful_of_incidents(engine: Engine, clock: FixedClock) -> None:
    room = Room(engine, clock, ("br", "mx", "ar", "co"))
    dice = random.Random(7)
    subjects = sorted(node for node in room.lineage.nodes if parse_urn(node)[0] in KINDS)
    storm: list[Alert] = []
    for number in range(1000):
        subject = dice.choice(subjects)
        storm.append(
            Alert(
                source="alertmanager",
                fingerprint=f"s{number}",
                starts_at=clock.now() - timedelta(seconds=dice.uniform(0, 540)),
                kind=dice.choice(KINDS[parse_urn(subject)[0]]),
                subject=subject,
                tenant=room.lineage.tenant(subject) or dice.choice(["br", "mx", "ar", "co"]),
                summary="storm",
            )
        )
    assert room.inbox.receive(storm).accepted == 1000

    started = time.perf_counter()
    assert room.correlator.correlate() == 1000
    took = time.perf_counter() - started

    incidents = room.store.list()
    assert len(incidents) <= 5
    assert sum(len(room.store.alerts(incident.id)) for incident in incidents) == 1000
    assert took < 10
    print(f"{len(incidents)} incidents from 1000 alerts in {took:.2f} s")


def test_a_limit_counts_what_the_reader_may_see(engine: Engine, clock: FixedClock) -> None:
    room = Room(engine, clock)
    room.alert("drift", urn("source", "payments_br"))
    room.correlator.correlate()
    clock.advance(timedelta(hours=1))
    room.alert("drift", urn("source", "payments_mx"))
    room.correlator.correlate()
    assert [i.tenant for i in room.store.list(limit=1)] == ["mx"]
    assert [i.tenant for i in room.store.list(tenants=frozenset({"br"}), limit=1)] == ["br"]
    assert [i.tenant for i in room.store.list(tenants=frozenset({"*"}))] == ["mx", "br"]
    assert room.store.list(tenants=frozenset()) == []
