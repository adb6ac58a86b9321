"""Delivers alerts to a webhook in the form that Prometheus Alertmanager posts (webhook version 4).

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from platform_core.monitoring.alert import Alert

_log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0
_NEVER = "0001-01-01T00:00:00Z"
"""What Alertmanager writes as the end of an alert that still fires."""


@dataclass(frozen=True, slots=True)
class Word:
    """What became of an alert, and when that was seen, on the platform's clock."""

    alert: Alert
    at: datetime


@dataclass
class _Pending:
    words: list[Word]
    """All that nobody has heard yet about the alert of one fingerprint, in its order."""

    due: float
    delay: float


class AlertmanagerDelivery:
    """Keeps each alert until the receiver accepted it (2xx): at least once, retried after 0.5 s, 1 s, … 30 s.

    `offer` only takes note; `step` posts what is due, or `run` does so in a thread until told to stop.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        client: httpx.Client | None = None,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        self._client = client or httpx.Client(timeout=5.0, trust_env=False)
        self._wall = wall
        self._lock = threading.Lock()
        self._pending: dict[str, _Pending] = {}

    @property
    def undelivered(self) -> list[Alert]:
        with self._lock:
            return [word.alert for pending in self._pending.values() for word in pending.words]

    def offer(self, alerts: list[Alert], now: datetime) -> None:
        """Take alerts to deliver. A later word that an alert fires (or has ended) replaces an undelivered earlier one;
        its end does not hide that it fired, nor a new beginning that it had ended."""
        with self._lock:
            for alert in alerts:
                waiting = self._pending.get(alert.fingerprint)
                untold = [word for word in waiting.words if not _same(word.alert, alert)] if waiting else []
                words = [*untold, Word(alert, now)]
                self._pending[alert.fingerprint] = _Pending(words, self._wall(), FIRST_RETRY_SECONDS)

    def step(self) -> int:
        """Post what is due: what fires in a first request, what ended in a second. Returns how many alerts were
        accepted."""
        now = self._wall()
        with self._lock:
            due = {key: pending for key, pending in self._pending.items() if pending.due <= now}
        if not due:
            return 0
        words = [word for pending in due.values() for word in pending.words]
        problem: str | None = None
        for status in ("firing", "resolved"):
            batch = [word for word in words if word.alert.status == status]
            if batch and problem is None:
                problem = self._post(batch)
        with self._lock:
            for key, pending in due.items():
                if self._pending.get(key) is not pending:
                    continue  # something newer was offered meanwhile
                if problem is None:
                    del self._pending[key]
                else:
                    pending.due = now + pending.delay
                    pending.delay = min(pending.delay * 2, LONGEST_RETRY_SECONDS)
        if problem is not None:
            _log.warning("%d alerts not delivered to %s, will be repeated: %s", len(words), self._url, problem)
            return 0
        return len(words)

    def run(self, stop: threading.Event, *, every: float = 0.1) -> None:
        while not stop.wait(every):
            self.step()

    def close(self) -> None:
        self._client.close()

    def _post(self, words: list[Word]) -> str | None:
        """None when accepted, else what went wrong."""
        try:
            response = self._client.post(self._url, json=webhook_body(words), headers=self._headers)
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        return None if response.is_success else f"HTTP {response.status_code}: {response.text[:200]}"


def _same(one: Alert, other: Alert) -> bool:
    return (one.starts_at, one.status) == (other.starts_at, other.status)


def webhook_body(words: list[Word]) -> dict[str, Any]:
    """The request body; all values are strings where Alertmanager has strings."""
    return {
        "version": "4",
        "groupKey": '{}:{source="vigia-monitors"}',
        "truncatedAlerts": 0,
        "status": "firing" if any(word.alert.status == "firing" for word in words) else "resolved",
        "receiver": "vigia",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [_alert(word.alert, word.at) for word in words],
    }


def _alert(alert: Alert, at: datetime) -> dict[str, Any]:
    labels = {
        **alert.labels,
        "alertname": "".join(part.capitalize() for part in alert.kind.split("_")),
        "kind": alert.kind,
        "subject": alert.subject,
        "severity": alert.severity,
    }
    if alert.tenant is not None:
        labels["tenant"] = alert.tenant
    annotations = {"summary": alert.summary}
    if alert.value is not None:
        annotations["value"] = repr(float(alert.value))
    if alert.threshold is not None:
        annotations["threshold"] = repr(float(alert.threshold))
    return {
        "status": alert.status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": alert.starts_at.isoformat(),
        "endsAt": _NEVER if alert.status == "firing" else at.isoformat(),
        "generatorURL": "",
        "fingerprint": alert.fingerprint,
    }
