"""Delivers alerts to a webhook in the form that Prometheus Alertmanager posts (webhook version 4).

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from platform_core.monitoring.alert import Alert

_log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0
_NEVER = "0001-01-01T00:00:00Z"
"""What Alertmanager writes as the end of an alert that still fires."""


@dataclass
class _Pending:
    alert: Alert
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
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._client = client or httpx.Client(timeout=5.0, trust_env=False)
        self._wall = wall
        self._lock = threading.Lock()
        self._pending: dict[str, _Pending] = {}

    @property
    def undelivered(self) -> list[Alert]:
        with self._lock:
            return [pending.alert for pending in self._pending.values()]

    def offer(self, alerts: list[Alert]) -> None:
        """Take alerts to deliver; a later word about the same alert replaces an undelivered earlier one."""
        with self._lock:
            for alert in alerts:
                self._pending[alert.fingerprint] = _Pending(alert, self._wall(), FIRST_RETRY_SECONDS)

    def step(self) -> int:
        """Post what is due in one request. Returns how many alerts were accepted."""
        now = self._wall()
        with self._lock:
            due = {key: pending for key, pending in self._pending.items() if pending.due <= now}
        if not due:
            return 0
        alerts = [pending.alert for pending in due.values()]
        problem = self._post(alerts)
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
            _log.warning("%d alerts not delivered to %s, will be repeated: %s", len(alerts), self._url, problem)
            return 0
        return len(alerts)

    def run(self, stop: threading.Event, *, every: float = 0.1) -> None:
        while not stop.wait(every):
            self.step()

    def close(self) -> None:
        self._client.close()

    def _post(self, alerts: list[Alert]) -> str | None:
        """None when accepted, else what went wrong."""
        try:
            response = self._client.post(self._url, json=webhook_body(alerts), headers=self._headers)
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        return None if response.is_success else f"HTTP {response.status_code}: {response.text[:200]}"


def webhook_body(alerts: list[Alert]) -> dict[str, Any]:
    """The request body; all values are strings where Alertmanager has strings."""
    return {
        "version": "4",
        "groupKey": '{}:{source="vigia-monitors"}',
        "truncatedAlerts": 0,
        "status": "firing" if any(alert.status == "firing" for alert in alerts) else "resolved",
        "receiver": "vigia",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [_alert(alert) for alert in alerts],
    }


def _alert(alert: Alert) -> dict[str, Any]:
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
        "endsAt": _NEVER if alert.status == "firing" else alert.starts_at.isoformat(),
        "generatorURL": "",
        "fingerprint": alert.fingerprint,
    }
