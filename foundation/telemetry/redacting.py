"""The last step before a log line is written: every value of the event goes through the redaction it was given.

Foundation knows no redaction of its own; the composition root hands one in. A failing redaction withholds the text and
says so: a log line is worth less than what it might leak, and writing it must never break the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, cast

from foundation.outside_text import SHORTEST_IDENTIFIER, WITHHELD

_OURS = frozenset({"timestamp", "level", "trace_id", "span_id", "_record", "_from_structlog"})


class RedactEvent:
    """A structlog processor. `redact` takes a text and answers it without personal data or secrets, or raises."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        return {key: value if key in _OURS else self._value(key, value) for key, value in event.items()}

    def _value(self, key: str, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(key, value)
        if isinstance(value, str):
            return self._text(key, value)
        if isinstance(value, Mapping):
            items = cast(Mapping[object, Any], value).items()
            return {self._text("", str(k)): self._value(str(k), v) for k, v in items}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(key, item) for item in cast("list[Any]", value)]
        return self._text(key, str(value))

    def _number(self, key: str, value: float) -> float | str:
        # A tax id that went through a data frame is a float.
        written = str(int(value)) if isinstance(value, int) or value.is_integer() else ""
        if len(written) < SHORTEST_IDENTIFIER:
            return value
        redacted = self._text(key, written)
        return value if redacted == written else redacted

    def _text(self, key: str, text: str) -> str:
        # The key is part of what makes eleven digits a tax id: show it to the redaction, then take it off again.
        prefix = f"{key}: " if key and key != "event" else ""
        try:
            redacted = self._redact(prefix + text)
        except Exception:  # noqa: BLE001 any failure of the guardrail withholds the text
            return WITHHELD
        return redacted.removeprefix(prefix) if redacted.startswith(prefix) else WITHHELD
