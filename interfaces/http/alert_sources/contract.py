"""What a format of alerts is."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from foundation.errors import InvalidInput
from platform_core.monitoring.alert import Alert

MAX_DEPTH = 32


@dataclass(frozen=True)
class Delivery:
    """One request: header names in lower case, the body as it came."""

    headers: Mapping[str, str]
    body: bytes

    def bearer(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True)
class Parsed:
    """The alerts of a payload, and what it says about where it comes from."""

    alerts: tuple[Alert, ...]
    origin: str | None


class AlertSource(Protocol):
    """One file per format in this package. `name` is what the operator called the configured source."""

    @property
    def kind(self) -> str: ...

    def authentic(self, delivery: Delivery, secret: bytes) -> bool:
        """Whether `delivery` was made with `secret`; takes the same time whatever is wrong."""
        ...

    def parse(self, delivery: Delivery, name: str) -> Parsed:
        """Raises InvalidInput saying which part of the payload cannot be used."""
        ...


def bearer_matches(delivery: Delivery, secret: bytes) -> bool:
    return hmac.compare_digest(delivery.bearer().encode(), secret)


def json_object(body: bytes) -> dict[str, Any]:
    value = json_value(body)
    if not isinstance(value, dict):
        raise InvalidInput(f"the body is a JSON {type(value).__name__}, not an object")
    return value


def json_value(body: bytes) -> Any:
    """The body as JSON of sane depth, without NUL characters (PostgreSQL cannot store them)."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the body is not JSON: {error}") from None
    _check(value)
    return value


def _check(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        following: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                following.extend(item.keys())
                following.extend(item.values())
            elif isinstance(item, list):
                following.extend(item)
            elif isinstance(item, str) and "\x00" in item:
                raise InvalidInput("the body holds a NUL character (\\u0000), which cannot be stored")
        if not following:
            return
        level = following
    raise InvalidInput(f"the body is nested deeper than {MAX_DEPTH} levels")
