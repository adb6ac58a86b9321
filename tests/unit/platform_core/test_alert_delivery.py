"""Alerts reach the webhook at least once, in Alertmanager's form."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.delivery import AlertmanagerDelivery

URL = "http://copilot.test/v1/webhooks/alertmanager"
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
    sender.offer([ALERT])
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
    sender.offer([ALERT])
    sender.step()
    wall.seconds = 1000
    assert sender.step() == 0
    assert len(receiver.requests) == 1
    sender.close()


def test_refused_and_unreachable_are_repeated_ever_more_slowly_until_accepted() -> None:
    receiver, wall = Receiver(httpx.ConnectError("refused"), 503, 401, 202), Wall()
    sender = delivery(receiver, wall)
    sender.offer([ALERT])
    attempts: list[float] = []
    while sender.undelivered:
        before = len(receiver.requests)
        sender.step()
        if len(receiver.requests) > before:
            attempts.append(wall.seconds)
        wall.seconds += 0.25
    assert attempts == [0.0, 0.5, 1.5, 3.5]
    sender.close()


def test_a_resolution_replaces_what_was_not_delivered_yet() -> None:
    receiver, wall = Receiver(503, 202), Wall()
    sender = delivery(receiver, wall)
    sender.offer([ALERT])
    sender.step()
    sender.offer([ALERT.model_copy(update={"status": "resolved"})])
    assert sender.step() == 1
    assert [body["status"] for body in receiver.bodies()] == ["firing", "resolved"]
    sender.close()
