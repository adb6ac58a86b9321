"""PagerDuty V3 webhooks, signed: `X-PagerDuty-Signature: v1=<hex HMAC-SHA256 of the body>[,v1=…]`.

https://developer.pagerduty.com/docs/verifying-webhook-signatures. The subject, kind and tenant come from the
incident's `body.details` (what the sender of the event put into `custom_details`); without them the `incident_key` must
be the URN.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interfaces.http.alert_sources.alertmanager import not_the_format
from interfaces.http.alert_sources.contract import Delivery, Parsed, json_object
from interfaces.http.alert_sources.labels import alert_from, time_from

_STATUS: dict[str, Literal["firing", "resolved"]] = {
    "incident.triggered": "firing",
    "incident.reopened": "firing",
    "incident.escalated": "firing",
    "incident.resolved": "resolved",
}


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Body(_Lenient):
    details: dict[str, Any] | str | None = None


class _Incident(_Lenient):
    id: str = Field(min_length=1, max_length=128)
    title: str = ""
    created_at: str
    html_url: str | None = None
    incident_key: str | None = None
    urgency: str | None = None
    body: _Body | None = None


class _Event(_Lenient):
    event_type: str
    occurred_at: str | None = None
    data: dict[str, Any]


class _Payload(_Lenient):
    event: _Event


class PagerDuty:
    kind = "pagerduty"

    def authentic(self, delivery: Delivery, secret: bytes) -> bool:
        expected = "v1=" + hmac.new(secret, delivery.body, hashlib.sha256).hexdigest()
        presented = delivery.headers.get("x-pagerduty-signature", "").split(",")[:8]
        matches = [hmac.compare_digest(each.strip().encode(), expected.encode()) for each in presented]
        return any(matches)

    def parse(self, delivery: Delivery, name: str) -> Parsed:
        content = json_object(delivery.body)
        try:
            event = _Payload.model_validate(content).event
            if event.event_type not in _STATUS:
                # Acknowledgements, notes, pings: told to us, but no alert.
                return Parsed(alerts=(), origin=None)
            incident = _Incident.model_validate(event.data)
        except ValidationError as error:
            raise not_the_format(error, "a PagerDuty V3 webhook") from None
        details = incident.body.details if incident.body and isinstance(incident.body.details, dict) else {}
        labels = {key: value for key, value in details.items() if key not in ("summary", "value", "threshold")}
        labels.setdefault("subject", incident.incident_key or "")
        labels.setdefault("severity", incident.urgency or "high")
        # A reopened incident keeps its creation time; what fires again began when it was reopened.
        began, where = incident.created_at, "event.data.created_at"
        if event.event_type == "incident.reopened" and event.occurred_at is not None:
            began, where = event.occurred_at, "event.occurred_at"
        alert = alert_from(
            where="event.data",
            source=name,
            fingerprint=incident.id,
            starts_at=time_from(where, began),
            status=_STATUS[event.event_type],
            labels=labels,
            annotations={"summary": details.get("summary") or incident.title} | _figures(details),
        )
        return Parsed(alerts=(alert,), origin=incident.html_url)


def _figures(details: dict[str, Any]) -> dict[str, Any]:
    return {key: details[key] for key in ("value", "threshold") if key in details}
