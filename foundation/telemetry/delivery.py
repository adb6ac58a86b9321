"""What became of a request to the collector. OpenTelemetry's exporters say only whether it answered kindly; here is
read what they leave unread: how much of it was refused, whether it is worth asking again, and when.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol

import requests
from google.protobuf.message import DecodeError

from foundation.telemetry.batching import Again

_LATER = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
_PROTOBUF = "application/x-protobuf"
_LONGEST = 300.0
"""Seconds; who asks for more is asked again all the same."""


class Answer(Protocol):
    """One of OTLP's `Export…ServiceResponse`."""

    @classmethod
    def FromString(cls, s: bytes, /) -> Any: ...  # noqa: N802 protobuf's name


class Delivery(requests.Session):
    """The HTTP session of one exporter, that remembers the last answer. `refused`: the field of
    `answer.partial_success` that counts what the collector did not take."""

    def __init__(self, answer: type[Answer], refused: str) -> None:
        super().__init__()
        self._answer = answer
        self._refused = refused
        self._asked = False
        self._last: requests.Response | None = None

    def request(self, *args: Any, **more: Any) -> requests.Response:
        self._asked, self._last = True, None
        self._last = super().request(*args, **more)
        return self._last

    def begin(self) -> None:
        """What was answered before is of no matter now."""
        self._asked, self._last = False, None

    def outcome(self, items: int) -> Again | int:
        """How many of `items` did not arrive and never will, or that all of them may, later."""
        answer = self._last
        if answer is None:
            # Nobody answered; or there was nothing to send, as the items could not be encoded.
            return Again(0.0) if self._asked else items
        if answer.status_code in _LATER:
            return Again(_retry_after(answer.headers.get("retry-after", "")))
        if not answer.ok or answer.is_redirect or answer.is_permanent_redirect:
            return items
        return min(items, self._rejected(answer))

    def _rejected(self, answer: requests.Response) -> int:
        if not answer.headers.get("content-type", "").startswith(_PROTOBUF):
            return 0
        try:
            told = self._answer.FromString(answer.content)
        except DecodeError:
            return 0
        return int(getattr(told.partial_success, self._refused))


def _retry_after(value: str) -> float:
    """Seconds, of `Retry-After` as a number or a date; 0 when it says neither."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(seconds, 0.0), _LONGEST) if math.isfinite(seconds) else 0.0


__all__ = ["Answer", "Delivery"]
