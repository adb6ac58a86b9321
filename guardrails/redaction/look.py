"""What belongs to looking at one text, through all its forms."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any

from guardrails.redaction.budget import Budget
from guardrails.redaction.recognizer import words_before


@dataclass(slots=True)
class Look:
    """The field that the text stands in, the work, and what was found out so far."""

    field: bytes
    budget: Budget
    contexts: set[str]
    """Entities whose context words were seen anywhere in the text so far, or name its field."""

    verdicts: dict[tuple[object, str], bool] = attribute(default_factory=dict[tuple[object, str], bool])
    """What validators said of a value: a text shows the same value in several of its forms."""

    usable: dict[tuple[int, int], list[Any]] = attribute(default_factory=dict[tuple[int, int], list[Any]])
    """Which numbers' forms fit a length, given so many contexts (`guardrails.redaction.scan`)."""

    _data: bytes = b""
    _before: dict[int, bytes] = attribute(default_factory=dict[int, bytes])

    def words(self, data: bytes, start: int) -> bytes:
        """What a context word for `start` may stand in: the field's name and the words before. A number is looked at by
        several recognizers, which ask the same."""
        if data is not self._data:
            self._data = data
            self._before.clear()
        words = self._before.get(start)
        if words is None:
            words = self._before[start] = self.field + b"=" + words_before(data, start)
        return words
