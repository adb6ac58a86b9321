"""Alertmanager's webhook, payload version 4, with a bearer token.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foundation.errors import InvalidInput
from interfaces.http.alert_sources.contract import Delivery, Parsed, bearer_matches, json_object
from interfaces.http.alert_sources.labels import alert_from, time_from


class _Lenient(BaseModel):
    # Alertmanager adds fields between releases; what we do not read is ignored.
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Alert(_Lenient):
    status: Literal["firing", "resolved"]
    labels: dict[str, Any]
    annotations: dict[str, Any] = Field(default_factory=dict)
    starts_at: str = Field(alias="startsAt")
    fingerprint: str = Field(min_length=1, max_length=128)


class _Payload(_Lenient):
    version: Literal["4"]
    external_url: str | None = Field(default=None, alias="externalURL")
    alerts: tuple[_Alert, ...]


class Alertmanager:
    kind = "alertmanager"

    def authentic(self, delivery: Delivery, secret: bytes) -> bool:
        return bearer_matches(delivery, secret)

    def parse(self, delivery: Delivery, name: str) -> Parsed:
        content = json_object(delivery.body)
        try:
            payload = _Payload.model_validate(content)
        except ValidationError as error:
            raise not_the_format(error, "Alertmanager's webhook (version 4)") from None
        alerts = tuple(
            alert_from(
                where=f"alerts[{index}]",
                source=name,
                fingerprint=alert.fingerprint,
                starts_at=time_from(f"alerts[{index}].startsAt", alert.starts_at),
                status=alert.status,
                labels=alert.labels,
                annotations=alert.annotations,
            )
            for index, alert in enumerate(payload.alerts)
        )
        return Parsed(alerts=alerts, origin=payload.external_url)


def not_the_format(error: ValidationError, what: str) -> InvalidInput:
    """The first mistake, by its place in the payload; the payload itself is not repeated."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the payload"
    return InvalidInput(f"this is not {what}: {where}: {problem['msg']}")
