"""Values that are known to be personal data because a classified field held them: found wherever they appear again."""

from __future__ import annotations

import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable

import re2

from guardrails.redaction.pseudonyms import is_pseudonym
from guardrails.redaction.recognizer import CERTAIN, Recognizer
from guardrails.redaction.scan import Found

SHORTEST, SHORTEST_DIGITS, LONGEST = 4, 6, 200
"""Characters of a value that is looked for elsewhere: `Ana` would hide in half of all words. Of digits alone six."""

MOST = 4096
"""Values remembered; the one that was seen longest ago is forgotten for a new one."""

_SAYS_NOTHING_TEXT = """
none null true false unknown unnamed test n/a desconhecido desconocido nenhum ninguno
other outro otro redacted withheld string number value name
"""
_SAYS_NOTHING = frozenset(_SAYS_NOTHING_TEXT.split())
_MAX_MEMORY = 32 << 20


class KnownValues:
    """Bounded memory of values and the label of each. Safe to share between threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[str, Recognizer] = OrderedDict()
        self._pattern: re2._Regexp | None = None  # pyright: ignore[reportPrivateUsage]
        self._stale = False

    def __len__(self) -> int:
        return len(self._values)

    def learn(self, values: Iterable[str], recognizer: Recognizer) -> None:
        """Remember those of `values` that are long enough to mean somebody."""
        with self._lock:
            for value in values:
                if is_pseudonym(value):
                    continue
                key = _key(value)
                if not _tells(key):
                    continue
                if key in self._values:
                    self._values.move_to_end(key)
                    continue
                self._values[key] = recognizer
                self._stale = True
                if len(self._values) > self._most:
                    self._values.popitem(last=False)

    def found(self, data: bytes) -> list[Found]:
        """Where in `data` (UTF-8) known values stand, whatever their case and the white space in them."""
        if not self._values:
            return []
        with self._lock:
            if self._stale:
                self._pattern, self._stale = _compiled(self._values), False
            pattern, values = self._pattern, self._values
        if pattern is None:
            return []
        found: list[Found] = []
        position = 0
        while True:
            match = pattern.search(data, position)
            if match is None:
                return found
            start, end = match.span(1)
            value = _key(data[start:end].decode("utf-8", "surrogatepass"))
            recognizer = values.get(value)
            if recognizer is not None:
                found.append(Found(start, end, recognizer, value, CERTAIN))
            position = end  # not behind the sign after it, which may also be the sign before the next


def _key(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _tells(key: str) -> bool:
    if not SHORTEST <= len(key) <= LONGEST or key in _SAYS_NOTHING:
        return False
    return len(key) >= SHORTEST_DIGITS or not key.replace(".", "").isdigit()


def _compiled(values: Iterable[str]) -> re2._Regexp:  # pyright: ignore[reportPrivateUsage]
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    # The longest first: of `Ana Lima` and `Ana Lima Souza` the whole name is meant.
    alternatives = "|".join(re2.escape(value).replace(r"\ ", r"\s+") for value in sorted(values, key=len, reverse=True))
    return re2.compile(rf"(?i)(?:^|[^\pL\pN])({alternatives})(?:$|[^\pL\pN])", options)
