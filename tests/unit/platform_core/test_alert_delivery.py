"""Alerts reach the webhook at least once, in Alertmanager's form."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.delivery import AlertmanagerDelivery

URL = "http://copilot.test/v1/webhooks/alertmanager"
SEEN = datetime(2026, 11, 19, 5, 52, tzinfo=UTC)
ALERT = Alert(
    source="vigia-monitors",
    fingerprint="f" * 64,
    starts_at=datetime(2026, 11, 19, 5, 51, tzinfo=UTC),
    kind="score_shift",
    subject="urn:vigia:endpoint:fraud-br",
    tenant="br",
    severity="critical",
    summary="fraud-br declines 9.4 %",
    value=0.094,
    threshold=3.0,
    labels={"monitor": "score-fraud-br"},
)


class Receiver:
    """A webhook that answers with `statuses` in turn, the last one for ever."""

    def __init__(self, *statuses: int | Exception) -> None:
        self._statuses = list(statuses)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        if isinstance(status, Exception):
            raise status
        return httpx.Response(status)

    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(request.content) for request in self.requests]


class Wall:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def delivery(receiver: Callable[[httpx.Request], httpx.Response], wall: Wall) -> AlertmanagerDelivery:
    client = httpx.Client(transport=httpx.MockTransport(receiver))
    return AlertmanagerDelivery(URL, "s3cret", client=client, wall=wall)


def test_the_request_is_alertmanagers() -> None:
    receiver = Receiver(202)
    sender = delivery(receiver, Wall())
    sender.offer([ALERT], SEEN)
    assert sender.step() == 1
    (request,) = receiver.requests
    assert str(request.url) == URL
    assert request.headers["Authorization"] == "Bearer s3cret"
    (body,) = receiver.bodies()
    assert (body["version"], body["status"]) == ("4", "firing")
    (alert,) = body["alerts"]  # type: ignore[misc]
    assert alert["labels"] == {
        "alertname": "ScoreShift",
        "kind": "score_shift",
        "subject": "urn:vigia:endpoint:fraud-br",
        "tenant": "br",
        "severity": "critical",
        "monitor": "score-fraud-br",
    }
    assert alert["annotations"] == {"summary": "fraud-br declines 9.4 %", "value": "0.094", "threshold": "3.0"}
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-11-19T05:51:00+00:00", "0001-01-01T00:00:00Z")
    assert alert["fingerprint"] == "f" * 64
    sender.close()


def test_accepted_is_not_sent_again() -> None:
    receiver, wall = Receiver(202), Wall()
    sender = delivery(receiver, wall)
    sender.offer([ALERT], SEEN)
    sender.step()
    wall.seconds = 1000
    assert sender.step() == 0
    assert len(receiver.requests) == 1
    sender.close()


def test_refused_and_unreachable_are_repeated_ever_more_slowly_until_accepted() -> None:
    receiver, wall = Receiver(httpx.ConnectError("refused"), 503, 401, 202), Wall()
    sender = delivery(receiver, wall)
    sender.offer([ALERT], SEEN)
    attempts: list[float] = []
    while sender.undelivered:
        before = len(receiver.requests)
        sender.step()
        if len(receiver.requests) > before:
            attempts.append(wall.seconds)
        wall.seconds += 0.25
    assert attempts == [0.0, 0.5, 1.5, 3.5]
    sender.close()


def test_the_end_of_an_alert_does_not_hide_that_it_fired() -> None:
    receiver, wall = Receiver(503, 202), Wall()
    sender = delivery(receiver, wall)
    sender.offer([ALERT], SEEN)
    sender.step()
    sender.offer([ALERT.model_copy(update={"status": "resolved"})], SEEN + timedelta(minutes=9))
    assert sender.step() == 2
    assert [body["status"] for body in receiver.bodies()] == ["firing", "firing", "resolved"]
    assert sender.undelivered == []
    (ended,) = receiver.bodies()[-1]["alerts"]  # type: ignore[misc]
    assert (ended["startsAt"], ended["endsAt"]) == ("2026-11-19T05:51:00+00:00", "2026-11-19T06:01:00+00:00")
    sender.close()


def test_a_new_beginning_does_not_hide_that_it_had_ended() -> None:
    sender = delivery(Receiver(503, 202), Wall())
    ended = ALERT.model_copy(update={"status": "resolved"})
    again = ALERT.model_copy(update={"starts_at": ALERT.starts_at + timedelta(minutes=30)})
    sender.offer([ended], SEEN)
    sender.offer([again], SEEN + timedelta(minutes=31))
    assert sender.undelivered == [ended, again]
    sender.close()


def test_a_later_word_of_the_same_kind_replaces_the_earlier() -> None:
    receiver = Receiver(503, 202)
    sender = delivery(receiver, Wall())
    for value in (0.094, 0.12):
        sender.offer([ALERT.model_copy(update={"value": value})], SEEN)
    assert [alert.value for alert in sender.undelivered] == [0.12]
    sender.close()
