"""Text from outside (alerts, tool answers, error messages, what people type) made fit to be kept.

It goes through here once, where it enters, so that every place that shows or stores it afterwards (cards, console,
reports, runbooks, audit log) shows the same harmless text. Foundation knows no redaction of its own; the composition
root hands one in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol, cast

WITHHELD = "[withheld: redaction failed]"
SHORTEST_IDENTIFIER = 8
"""Numbers with fewer digits identify nobody and are left as numbers."""

# C0 and C1 without the white space among them, DEL, and lone surrogates: PostgreSQL stores neither NUL nor surrogates,
# and the rest only serves to steer a terminal.
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")


class Redact(Protocol):
    """`guardrails.redaction.engine.Redactor.redact`: raises when it could not look at all of the text. `key` is the
    name of the field that the text stands in."""

    def __call__(self, text: str, *, key: str = "") -> str: ...


def unredacted(text: str, *, key: str = "") -> str:
    """For data that is known to be made up, as in tests and evaluations."""
    del key
    return text


class OutsideText:
    """Takes unstorable characters out, then redacts. What cannot be redacted is withheld, and says so: an alert or a
    probe must not be lost over it."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def text(self, text: str, *, key: str = "") -> str:
        try:
            return self._redact(_UNSTORABLE.sub("", text), key=key)
        except Exception:  # noqa: BLE001 - any failure of the guardrail withholds the text
            return WITHHELD

    def optional(self, text: str | None, *, key: str = "") -> str | None:
        return None if text is None else self.text(text, key=key)

    def value(self, value: Any, *, key: str = "") -> Any:
        """A JSON value with every text in it treated, names of fields included.

        Numbers stay, for they are measured; but not those of a field whose values are never shown (a salary, a date of
        birth as a number), nor whole ones that identify somebody (a tax id, also one that became a float).
        """
        if isinstance(value, str):
            return self.text(value, key=key)
        if isinstance(value, Mapping):
            items = cast("Mapping[str, Any]", value).items()
            return {self.text(name): self.value(item, key=name) for name, item in items}
        if isinstance(value, list | tuple):
            return [self.value(item, key=key) for item in cast("list[Any]", value)]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value, key)
        return value

    def _number(self, value: float, key: str) -> Any:
        if key and self._hides(key):
            return self.text(str(value), key=key)
        written = str(int(value)) if isinstance(value, int) or value.is_integer() else ""
        if len(written) < SHORTEST_IDENTIFIER:
            return value
        redacted = self.text(written, key=key)
        return value if redacted == written else redacted

    def _hides(self, key: str) -> bool:
        """Whether every value of the field `key` is replaced, whatever it is."""
        return self.text("0", key=key) != "0"
