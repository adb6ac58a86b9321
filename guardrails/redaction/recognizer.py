"""What a recognizer is: RE2 patterns that propose, a validator that decides.

Patterns are matched by RE2, in time linear in the text whatever the text is. RE2 has no look-around, so the conditions
around a match (it stands alone, a context word is near) are checked afterwards, on the few candidates there are.
Everything works on the UTF-8 bytes of a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

CONTEXT_BYTES = 40
"""How far before a match a context word may stand."""

_WORD = re.compile(rb"[0-9A-Za-z]")
"""Not the underscore (`customer_52998224725` is a prefix and an identifier), nor bytes of other scripts and signs."""

_FIELD = re.compile(rb"[\n;{}]|,(?=\s*[\"']?[a-z])")
_DIGIT = re.compile(rb"[0-9]")


@dataclass(frozen=True, slots=True)
class Form:
    """One way a value is written. The first capturing group, if there is one, is the part that is replaced.

    `needs_context`: the form alone says too little (eleven digits), so a context word must be near. `not_after`: words
    that say it is something else (an order, an offset).
    """

    pattern: str
    needs_context: bool = False
    not_after: tuple[str, ...] = ()
    isolated: bool = True
    validate: Callable[[str], bool] | None = None
    """Stands in for the recognizer's validator where this form can be stricter."""


@dataclass(frozen=True, slots=True)
class Recognizer:
    """`entity` is the label in pseudonyms. `normalise` gives the spelling that a stable pseudonym is derived from."""

    entity: str
    forms: tuple[Form, ...]
    example: str
    """A text in which the recognizer must find something: the engine refuses to start when it does not."""

    validate: Callable[[str], bool] | None = None
    context: tuple[str, ...] = ()
    normalise: Callable[[str], str] = str.strip


COUNTERS = (
    "order", "pedido", "offset", "sequence", "count", "rows", "bytes", "epoch", "timestamp", "revision", "version",
    "watermark", "partition",
)  # fmt: skip
"""Words that name a number of ours: what follows them is not somebody's identifier."""


def digits(text: str) -> str:
    """Only the digits of `text`."""
    return "".join(character for character in text if character.isdigit())


def alphanumerics(text: str) -> str:
    """Only letters and digits of `text`, in capitals."""
    return "".join(character for character in text if character.isalnum()).upper()


def stands_alone(data: bytes, start: int, end: int) -> bool:
    """Whether the match is not a piece of a longer word, hyphenated number, decimal number or path of digits."""
    if start and _WORD.match(data, start - 1):
        return False
    if start > 1 and data[start - 1] in b"-./" and _DIGIT.match(data, start - 2):
        return False
    if end < len(data) and _WORD.match(data, end):
        return False
    return not (end + 1 < len(data) and data[end] in b"-./" and _DIGIT.match(data, end + 1))


def words_before(data: bytes, start: int) -> bytes:
    """The text just before a match that belongs to the same field, in lower case.

    A line break, a brace, a semicolon, or a comma before the next field's name ends a field; a comma between numbers
    does not (`cuits: 20055361682, 20268658531`).
    """
    before = data[max(0, start - CONTEXT_BYTES) : start].lower()
    *_, last = _FIELD.split(before)
    return last


def anywhere(words: tuple[str, ...]) -> str:
    """A pattern that finds any of `words` in lower case, also inside an identifier such as `customer_cpf`."""
    return "(?:^|[^a-z])(?:" + "|".join(map(re.escape, words)) + ")(?:$|[^a-z])"


def as_words(words: tuple[str, ...]) -> re.Pattern[bytes] | None:
    """The same, for the few bytes before a candidate."""
    return re.compile(anywhere(words).encode()) if words else None


def as_label(words: tuple[str, ...]) -> re.Pattern[bytes] | None:
    """A pattern that finds any of `words` as the label of what follows: `order=`, `order: `, `order #`, `order_id=`."""
    if not words:
        return None
    named = "|".join(map(re.escape, words))
    pattern = rf"(?:^|[^a-z])(?:{named})(?:[_ ]?(?:id|no|number|nr|numero))?[\"']?\s*[=:#]?\s*[\"']?$"
    return re.compile(pattern.encode())
