"""Every format: proven, normalised, and refused with a reason when it cannot be used."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from foundation.errors import Forbidden, InvalidInput, NotFound, Unauthenticated, VigiaError
from interfaces.http.intake import AlertIntake, ConfiguredSource
from platform_core.monitoring.alert import Alert

SECRET = "a-secret-of-enough-length"
SUBJECT = "urn:vigia:source:payments_br"


@dataclass(frozen=True)
class Receipt:
    accepted: int
    duplicates: int = 0
    resolved: int = 0


@dataclass
class FakeInbox:
    alerts: list[Alert] = field(default_factory=list)

    def receive(self, alerts: list[Alert]) -> Receipt:
        self.alerts.extend(alerts)
        return Receipt(accepted=len(alerts))


@pytest.fixture
def inbox() -> FakeInbox:
    return FakeInbox()


@pytest.fixture
def intake(inbox: FakeInbox) -> AlertIntake:
    sources = [
        ConfiguredSource(name="am", kind="alertmanager", secret=SECRET, origin="http://am.example/"),
        ConfiguredSource(name="am-br", kind="alertmanager", secret="another-secret-for-br", tenants=frozenset({"br"})),
        ConfiguredSource(name="pd", kind="pagerduty", secret=SECRET),
        ConfiguredSource(name="ce", kind="cloudevents", secret=SECRET),
    ]
    return AlertIntake(sources, lambda: frozenset({"br", "ar"}), inbox, max_alerts=3)


def one(**changes: Any) -> dict[str, Any]:
    labels = {"alertname": "Drift", "kind": "drift", "subject": SUBJECT, "tenant": "br", "severity": "critical"}
    alert = {
        "status": "firing",
        "labels": labels | changes.pop("labels", {}),
        "annotations": {"summary": "amount moved", "value": "0.83", "threshold": "0.2"}
        | changes.pop("annotations", {}),
        "startsAt": "2026-11-19T02:51:00-03:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "f1",
    }
    return alert | changes


def payload(*alerts: Any, **changes: Any) -> dict[str, Any]:
    return {"version": "4", "externalURL": "http://am.example/", "alerts": list(alerts), "groupKey": "x"} | changes


def send(intake: AlertIntake, content: Any, *, kind: str = "alertmanager", **headers: str) -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    sent = {"Authorization": f"Bearer {SECRET}"} | {key.replace("_", "-"): value for key, value in headers.items()}
    return intake.receive(kind, sent, body)


def signed(body: bytes, secret: str = SECRET) -> str:
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_alertmanager_is_normalised(intake: AlertIntake, inbox: FakeInbox) -> None:
    receipt = send(intake, payload(one()))
    assert receipt.accepted == 1
    assert inbox.alerts == [
        Alert(
            source="am",
            fingerprint="f1",
            starts_at=datetime(2026, 11, 19, 5, 51, tzinfo=UTC),
            kind="drift",
            subject=SUBJECT,
            tenant="br",
            severity="critical",
            summary="amount moved",
            value=0.83,
            threshold=0.2,
            labels=inbox.alerts[0].labels,
        )
    ]


def test_a_metric_label_named_source_is_no_claim(intake: AlertIntake, inbox: FakeInbox) -> None:
    send(intake, payload(one(labels={"source": "payments_br"})))
    assert inbox.alerts[0].labels["source"] == "payments_br"


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", ""])
def test_what_is_no_figure_is_left_out(intake: AlertIntake, inbox: FakeInbox, value: str) -> None:
    send(intake, payload(one(annotations={"value": value})))
    assert inbox.alerts[0].value is None


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"{", InvalidInput, "not JSON"),
        (b"\xff\xfe", InvalidInput, "not JSON"),
        (b"[]", InvalidInput, "not an object"),
        (b"[" * 100 + b"]" * 100, InvalidInput, "nested deeper"),
        (b"[" * 100_000, InvalidInput, "not JSON"),
        ({"version": "3", "alerts": []}, InvalidInput, "version"),
        ({"event": {"event_type": "incident.triggered"}}, InvalidInput, "not Alertmanager"),
        (payload({"status": "firing"}), InvalidInput, r"alerts\.0\.labels"),
        (payload(one(labels={"subject": "payments_br"})), InvalidInput, "not a URN"),
        (payload(one(labels={"subject": ""})), InvalidInput, "'subject' is missing"),
        (payload(one(labels={"kind": "drifft"})), InvalidInput, "is not a kind"),
        (payload(one(labels={"severity": "loud"})), InvalidInput, "is not a severity"),
        (payload(one(labels={"tenant": "xx"})), InvalidInput, "tenant 'xx' is unknown"),
        (payload(one(labels={"alert_source": "pd"})), InvalidInput, "claims another source"),
        (payload(one(labels={"x": {"y": 1}})), InvalidInput, "is not a text"),
        (payload(one(labels={"x": "y" * 2000})), InvalidInput, "is longer than"),
        (payload(one(labels={str(i): "y" for i in range(100)})), InvalidInput, "labels, at most"),
        (payload(one(annotations={"value": "many"})), InvalidInput, "is not a number"),
        (payload(one(annotations={"summary": "a\x00b"})), InvalidInput, "NUL"),
        (payload(one(startsAt="yesterday")), InvalidInput, "is not a time"),
        (payload(one(startsAt="2026-11-19T02:51:00")), InvalidInput, "no time zone"),
        (payload(one(startsAt="0001-01-01T00:00:00+14:00")), InvalidInput, "out of range"),
        (payload(one(), externalURL="http://elsewhere/"), Forbidden, "says it comes from"),
        (payload(*[one(fingerprint=str(i)) for i in range(4)]), InvalidInput, "at most 3"),
        (payload(one(), one(labels={"tenant": "xx"})), InvalidInput, r"alerts\[1\]"),
    ],
)
def test_what_cannot_be_used_is_refused_whole(
    intake: AlertIntake, inbox: FakeInbox, content: Any, error: type[VigiaError], said: str
) -> None:
    with pytest.raises(error, match=said):
        send(intake, content)
    assert inbox.alerts == []


@pytest.mark.parametrize("presented", ["", "Bearer", "Bearer wrong", f"Basic {SECRET}", SECRET, "Bearer \u00e9"])
def test_a_wrong_bearer_token_is_refused(intake: AlertIntake, inbox: FakeInbox, presented: str) -> None:
    with pytest.raises(Unauthenticated, match="missing or wrong"):
        send(intake, payload(one()), Authorization=presented)
    assert inbox.alerts == []


def test_a_source_speaks_only_for_its_tenants(intake: AlertIntake) -> None:
    send(intake, payload(one()), Authorization="Bearer another-secret-for-br")
    for tenant in ("ar", ""):
        with pytest.raises(Forbidden, match="may not speak for tenant"):
            send(intake, payload(one(labels={"tenant": tenant})), Authorization="Bearer another-secret-for-br")


def test_whose_the_subject_is_outweighs_what_the_label_says(inbox: FakeInbox) -> None:
    sources = [
        ConfiguredSource(name="am", kind="alertmanager", secret=SECRET),
        ConfiguredSource(name="am-ar", kind="alertmanager", secret="another-secret-for-ar", tenants=frozenset({"ar"})),
    ]
    owners = {SUBJECT: "br"}
    intake = AlertIntake(sources, lambda: frozenset({"br", "ar"}), inbox, max_alerts=3, owner=owners.get)
    for tenant in ("ar", "br", ""):
        with pytest.raises(Forbidden, match="may not speak for tenant 'br'"):
            send(intake, payload(one(labels={"tenant": tenant})), Authorization="Bearer another-secret-for-ar")
    with pytest.raises(InvalidInput, match="is of tenant 'br'"):
        send(intake, payload(one(labels={"tenant": "ar"})))
    assert inbox.alerts == []
    assert send(intake, payload(one(), one(labels={"tenant": ""}))).accepted == 2
    shared = {"subject": "urn:vigia:feature_view:card_velocity", "tenant": "ar"}
    assert send(intake, payload(one(labels=shared)), Authorization="Bearer another-secret-for-ar").accepted == 1


def test_unknown_and_unconfigured_formats(inbox: FakeInbox) -> None:
    intake = AlertIntake([], lambda: frozenset({"br"}), inbox, max_alerts=3)
    with pytest.raises(NotFound, match="'nagios' is not a format"):
        intake.receive("nagios", {}, b"{}")
    with pytest.raises(Unauthenticated, match="no source of kind"):
        intake.receive("alertmanager", {}, b"{}")


def incident(event_type: str = "incident.triggered", **changes: Any) -> dict[str, Any]:
    data = {
        "id": "PGR0VU2",
        "type": "incident",
        "title": "amount moved",
        "created_at": "2026-11-19T05:51:00Z",
        "urgency": "high",
        "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
        "body": {"type": "incident_body", "details": {"subject": SUBJECT, "tenant": "br", "kind": "drift", "value": 3}},
    }
    return {"event": {"id": "1", "event_type": event_type, "resource_type": "incident", "data": data | changes}}


def test_pagerduty_is_normalised(intake: AlertIntake, inbox: FakeInbox) -> None:
    body = json.dumps(incident()).encode()
    send(intake, body, kind="pagerduty", X_PagerDuty_Signature=f"v1={'0' * 64},{signed(body)}")
    alert = inbox.alerts[0]
    assert (alert.source, alert.fingerprint, alert.kind, alert.tenant) == ("pd", "PGR0VU2", "drift", "br")
    assert (alert.severity, alert.value, alert.summary) == ("critical", 3.0, "amount moved")


def test_pagerduty_resolves_and_keeps_quiet_about_the_rest(intake: AlertIntake, inbox: FakeInbox) -> None:
    body = json.dumps(incident("incident.resolved", body=None, incident_key=SUBJECT)).encode()
    send(intake, body, kind="pagerduty", X_PagerDuty_Signature=signed(body))
    assert (inbox.alerts[0].status, inbox.alerts[0].subject) == ("resolved", SUBJECT)
    ping = json.dumps({"event": {"event_type": "pagey.ping", "data": {}}}).encode()
    assert send(intake, ping, kind="pagerduty", X_PagerDuty_Signature=signed(ping)).accepted == 0


def test_a_reopened_pagerduty_incident_began_when_it_was_reopened(intake: AlertIntake, inbox: FakeInbox) -> None:
    content = incident("incident.reopened")
    content["event"]["occurred_at"] = "2026-11-19T06:30:00Z"
    body = json.dumps(content).encode()
    send(intake, body, kind="pagerduty", X_PagerDuty_Signature=signed(body))
    assert (inbox.alerts[0].status, inbox.alerts[0].starts_at) == ("firing", datetime(2026, 11, 19, 6, 30, tzinfo=UTC))


@pytest.mark.parametrize("signature", ["", "v1=", "v0=abc", "v1=" + "0" * 64])
def test_a_wrong_pagerduty_signature_is_refused(intake: AlertIntake, signature: str) -> None:
    with pytest.raises(Unauthenticated):
        send(intake, incident(), kind="pagerduty", X_PagerDuty_Signature=signature)


def test_a_changed_pagerduty_body_is_refused(intake: AlertIntake) -> None:
    body = json.dumps(incident()).encode()
    with pytest.raises(Unauthenticated):
        send(intake, body + b" ", kind="pagerduty", X_PagerDuty_Signature=signed(body))


DATA = {"kind": "drift", "tenant": "br", "severity": "warning", "summary": "amount moved", "value": 0.83}
EVENT = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/monitors/drift",
    "type": "io.vigia.alert",
    "time": "2026-11-19T05:51:00Z",
    "subject": SUBJECT,
    "data": DATA,
}


def test_cloudevents_structured_batched_and_binary_agree(intake: AlertIntake, inbox: FakeInbox) -> None:
    send(intake, EVENT, kind="cloudevents", Content_Type="application/cloudevents+json; charset=utf-8")
    send(intake, [EVENT], kind="cloudevents", Content_Type="application/cloudevents-batch+json")
    attributes = {f"ce-{key}": value for key, value in EVENT.items() if key != "data"}
    send(intake, DATA, kind="cloudevents", Content_Type="application/json", **attributes)  # type: ignore[arg-type]
    assert inbox.alerts[0] == inbox.alerts[1] == inbox.alerts[2]
    assert (inbox.alerts[0].source, inbox.alerts[0].subject, inbox.alerts[0].value) == ("ce", SUBJECT, 0.83)


@pytest.mark.parametrize(
    ("content", "content_type", "said"),
    [
        (EVENT, "application/json", "not a CloudEvent"),
        (EVENT | {"specversion": "0.3"}, "application/cloudevents+json", "specversion"),
        (EVENT | {"data": "text"}, "application/cloudevents+json", "data"),
        (EVENT | {"subject": None}, "application/cloudevents+json", "'subject' is missing"),
        (EVENT | {"time": None}, "application/cloudevents+json", "neither the attribute 'time'"),
        (EVENT | {"data": DATA | {"status": "maybe"}}, "application/cloudevents+json", "status is 'maybe'"),
        (EVENT | {"data": DATA | {"labels": [1]}}, "application/cloudevents+json", "labels is not an object"),
        (EVENT, "application/cloudevents-batch+json", "JSON array"),
        ([EVENT, EVENT | {"source": "/other"}], "application/cloudevents-batch+json", "2 sources"),
    ],
)
def test_what_is_no_cloudevent_is_refused(intake: AlertIntake, content: Any, content_type: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        send(intake, content, kind="cloudevents", Content_Type=content_type)
