"""CloudEvents 1.0 over HTTP with a bearer token: structured, batched and binary JSON.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md. The event's `subject` is
the URN; `data` holds kind, tenant, severity, summary, value, threshold, status and any further labels.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foundation.errors import InvalidInput
from interfaces.http.alert_sources.alertmanager import not_the_format
from interfaces.http.alert_sources.contract import Delivery, Parsed, bearer_matches, json_object, json_value
from interfaces.http.alert_sources.labels import alert_from, time_from

_ANNOTATIONS = ("summary", "description", "value", "threshold")
_NOT_LABELS = (*_ANNOTATIONS, "status", "fingerprint", "starts_at", "labels")


class _Event(BaseModel):
    # Extension attributes are allowed by the specification and not read.
    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=128)
    source: str = Field(min_length=1)
    type: str = Field(min_length=1)
    time: str | None = None
    subject: str | None = None
    data: dict[str, Any]


class CloudEvents:
    kind = "cloudevents"

    def authentic(self, delivery: Delivery, secret: bytes) -> bool:
        return bearer_matches(delivery, secret)

    def parse(self, delivery: Delivery, name: str) -> Parsed:
        events = [_event(raw, index) for index, raw in enumerate(_raw_events(delivery))]
        origins = {event.source for event in events}
        if len(origins) > 1:
            raise InvalidInput(f"one batch from {len(origins)} sources", hint="send each source's events by itself")
        alerts = tuple(_alert(event, name, f"events[{index}]") for index, event in enumerate(events))
        return Parsed(alerts=alerts, origin=next(iter(origins), None))


def _raw_events(delivery: Delivery) -> list[Any]:
    content_type = delivery.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == "application/cloudevents+json":
        return [json_object(delivery.body)]
    if content_type == "application/cloudevents-batch+json":
        batch = json_value(delivery.body)
        if not isinstance(batch, list):
            raise InvalidInput("a batch is a JSON array of events")
        return batch
    if "ce-specversion" not in delivery.headers:
        raise InvalidInput(
            "this is not a CloudEvent: neither ce-… headers nor the content type of one",
            hint="Content-Type: application/cloudevents+json",
        )
    attributes = {key[3:]: value for key, value in delivery.headers.items() if key.startswith("ce-")}
    return [{**attributes, "data": json_object(delivery.body)}]


def _event(raw: Any, index: int) -> _Event:
    try:
        return _Event.model_validate(raw)
    except ValidationError as error:
        raise not_the_format(error, f"a CloudEvent 1.0 (events[{index}])") from None


def _alert(event: _Event, name: str, where: str) -> Any:
    data = event.data
    further = data.get("labels", {})
    if not isinstance(further, dict):
        raise InvalidInput(f"{where}.data.labels is not an object")
    status = data.get("status", "firing")
    if status not in ("firing", "resolved"):
        raise InvalidInput(f"{where}.data.status is {status!r}", hint="firing or resolved")
    if event.time is None and "starts_at" not in data:
        raise InvalidInput(f"{where}: neither the attribute 'time' nor data.starts_at is set")
    labels = {key: value for key, value in data.items() if key not in _NOT_LABELS} | further
    return alert_from(
        where=where,
        source=name,
        fingerprint=str(data.get("fingerprint") or event.id)[:128],
        starts_at=time_from(where, data.get("starts_at", event.time)),
        status=status,
        labels={"alertname": event.type, "subject": event.subject or ""} | labels,
        annotations={key: data[key] for key in _ANNOTATIONS if key in data},
    )
