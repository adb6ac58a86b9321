"""What a recognizer is: RE2 patterns that propose, a validator that decides.

Patterns are matched by RE2, in time linear in the text whatever the text is. RE2 has no look-around, so the conditions
around a match (it stands alone, a context word is near) are checked afterwards, on the few candidates there are.
Everything works on the UTF-8 bytes of a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul

CONTEXT_BYTES = 40
"""How far before a match a context word may stand."""

_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
"""Not the underscore (`customer_52998224725` is a prefix and an identifier), nor bytes of other scripts and signs."""

_DIGITS = frozenset(b"0123456789")
_JOINTS = frozenset(b"-./")
_FIELD = re.compile(rb"[\n;{}]|,(?=\s*[\"']?[a-z])")

CERTAIN, CHECKED, LIKELY, NEAR = 1.0, 0.95, 0.85, 0.6
"""Scores: check digits hold or the form is unmistakable; one check digit holds, which another country's number may
satisfy as well; the form alone; a weak form that only a context word makes one."""

NUMBER, CODE, SECRET, ADDRESS = "numbers", "codes", "secrets", "addresses"

WITH_CONTEXT = 0.05
"""What a context word adds, so that of two that fit the one that is named counts."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way a value is written. The first capturing group, if there is one, is the part that is replaced.

    `needs_context`: the form alone says too little, so a context word must be near. `not_after`: words that say it is
    something else (an order, an offset). `isolated`: letters and digits may not touch it.
    """

    pattern: str
    needs_context: bool = False
    not_after: tuple[str, ...] = ()
    isolated: bool = True
    validate: Callable[[str], bool] | None = None
    """Stands in for the recognizer's validator where this form can be stricter."""

    score: float = CERTAIN


@dataclass(frozen=True, slots=True)
class Number:
    """A value written as a bare run of digits, of one of these lengths. All runs of a text are found in one pass and
    handed to the numbers of their length, so that a further one costs nothing where there is none."""

    lengths: tuple[int, ...]
    needs_context: bool = False
    not_after: tuple[str, ...] = ()
    validate: Callable[[str], bool] | None = None
    score: float = CERTAIN


@dataclass(frozen=True, slots=True)
class Recognizer:
    """`entity` is the label in pseudonyms. `normalise` gives the spelling that a stable pseudonym is derived from.

    `validator` names what decides after the match, for `vigia redact --json`. A `secret` is never kept for a reveal.
    """

    entity: str
    forms: tuple[Form, ...]
    example: str
    """A text in which the recognizer must find something: the engine refuses to start when it does not."""

    numbers: tuple[Number, ...] = ()
    validate: Callable[[str], bool] | None = None
    validator: str = "pattern"
    context: tuple[str, ...] = ()
    normalise: Callable[[str], str] = str.strip
    secret: bool = False
    family: str = NUMBER
    """Which automaton its patterns are in (`guardrails.redaction.automata`): those over the same characters belong
    together."""


COUNTERS = (
    "order", "pedido", "offset", "sequence", "count", "rows", "bytes", "epoch", "timestamp", "revision", "version",
    "watermark", "partition",
)  # fmt: skip
"""Words that name a number of ours: what follows them is not somebody's identifier."""

GAP = r"[ ._/-]{0,3}"
"""What people put between the groups of a number."""

SEPARATOR = r"[ ._/-]{1,3}"


def digits(text: str) -> str:
    """Only the digits of `text`."""
    return text if text.isdecimal() else "".join(filter(str.isdecimal, text))


def weighed(number: str, weights: Sequence[int]) -> int:
    """The sum of the first digits of `number`, each times its weight. For a quick look at one check digit: nine in ten
    candidates are none, and a whole validator costs ten times as much."""
    return sum(map(mul, weights, number.encode())) - 48 * sum(weights)


def alphanumerics(text: str) -> str:
    """Only letters and digits of `text`, in capitals."""
    return "".join(character for character in text if character.isalnum()).upper()


def stands_alone(data: bytes, start: int, end: int) -> bool:
    """Whether the match is not a piece of a longer word, hyphenated number, decimal number or path of digits."""
    if start:
        before = data[start - 1]
        if before in _WORD:
            return False
        if start > 1 and before in _JOINTS and data[start - 2] in _DIGITS:
            return False
    if end < len(data):
        after = data[end]
        if after in _WORD:
            return False
        return not (after in _JOINTS and end + 1 < len(data) and data[end + 1] in _DIGITS)
    return True


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
