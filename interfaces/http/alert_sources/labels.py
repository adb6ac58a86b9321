"""From labels and annotations to an `Alert`: the convention that all formats share.

Labels: `kind`, `subject` (a URN), `tenant`, `severity`, `alertname`, and optionally `alert_source`, which must then be
the name the operator gave the sender (Prometheus metrics use `source` for data sources).
Annotations: `summary`, `value`, `threshold`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from foundation.errors import InvalidInput
from foundation.nearest import did_you_mean
from platform_core.monitoring.alert import Alert, AlertKind, Severity
from platform_core.urn import parse_urn

MAX_LABELS = 64
MAX_LABEL_LENGTH = 1024
_KINDS: tuple[str, ...] = get_args(AlertKind)
_SEVERITIES: tuple[str, ...] = get_args(Severity)
_SEVERITY_WORDS = {"page": "critical", "error": "critical", "high": "critical", "low": "info", "none": "info"}


def alert_from(
    *,
    where: str,
    source: str,
    fingerprint: str,
    starts_at: datetime,
    status: Literal["firing", "resolved"],
    labels: Mapping[str, Any],
    annotations: Mapping[str, Any],
) -> Alert:
    """`where` says which part of the payload this is, for the errors: `alerts[3]`."""
    texts = _texts(where, labels)
    claimed = texts.get("alert_source")
    if claimed is not None and claimed != source:
        raise InvalidInput(
            f"{where}: label alert_source={claimed!r} claims another source; this credential belongs to {source!r}"
        )
    if not texts.get("subject"):
        raise InvalidInput(f"{where}: the label 'subject' is missing", hint="the URN of what the alert is about")
    try:
        parse_urn(texts["subject"])
    except InvalidInput as error:
        raise InvalidInput(f"{where}: label 'subject': {error.message}", hint=error.hint) from None
    summary = annotations.get("summary") or annotations.get("description") or texts.get("alertname") or "alert"
    return Alert(
        source=source,
        fingerprint=fingerprint,
        starts_at=starts_at,
        status=status,
        kind=_kind(where, texts.get("kind")),
        subject=texts["subject"],
        tenant=texts.get("tenant") or None,
        severity=_severity(where, texts.get("severity")),
        summary=str(summary)[:2000],
        value=_number(where, "value", annotations.get("value")),
        threshold=_number(where, "threshold", annotations.get("threshold")),
        labels=texts,
    )


def time_from(where: str, value: object) -> datetime:
    """An ISO 8601 / RFC 3339 time with its zone, in UTC."""
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidInput(f"{where}: {value!r} is not a time", hint="RFC 3339, e.g. 2026-11-19T05:51:00Z") from None
    if parsed.tzinfo is None:
        raise InvalidInput(f"{where}: {value!r} has no time zone", hint="RFC 3339, e.g. 2026-11-19T05:51:00Z")
    try:
        return parsed.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{where}: {value!r} is out of range") from None


def _texts(where: str, labels: Mapping[str, Any]) -> dict[str, str]:
    if len(labels) > MAX_LABELS:
        raise InvalidInput(f"{where}: {len(labels)} labels, at most {MAX_LABELS} are taken")
    texts: dict[str, str] = {}
    for name, value in labels.items():
        if not isinstance(value, str | int | float | bool):
            raise InvalidInput(f"{where}: label {name!r} is not a text")
        if len(text := str(value)) > MAX_LABEL_LENGTH or len(name) > MAX_LABEL_LENGTH:
            raise InvalidInput(f"{where}: label {name[:40]!r} is longer than {MAX_LABEL_LENGTH} characters")
        texts[name] = text
    return texts


def _kind(where: str, value: str | None) -> AlertKind:
    if value is None:
        return "other"
    if value in _KINDS:
        return value  # type: ignore[return-value]
    raise InvalidInput(f"{where}: label kind={value!r} is not a kind of alert", hint=did_you_mean(value, _KINDS))


def _severity(where: str, value: str | None) -> Severity:
    word = _SEVERITY_WORDS.get((value or "warning").lower(), (value or "warning").lower())
    if word in _SEVERITIES:
        return word  # type: ignore[return-value]
    raise InvalidInput(f"{where}: label severity={value!r} is not a severity", hint=f"one of {', '.join(_SEVERITIES)}")


def _number(where: str, name: str, value: object) -> float | None:
    """NaN and infinities, which Prometheus may send, are no figure."""
    if value is None or value == "":
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InvalidInput(f"{where}: annotation {name}={value!r} is not a number") from None
    return number if math.isfinite(number) else None
