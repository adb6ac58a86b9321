"""The redactor: text in, the same text without personal data and secrets out, or an exception.

The recognizers' own scan runs first, without Presidio's overhead; recognizers of Presidio that are configured (a deny
list, a named entity model) run inside its AnalyzerEngine afterwards. The other way round,
`guardrails.redaction.presidio.ScanRecognizer` is all of this as one of Presidio's recognizers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from guardrails.redaction.budget import Budget
from guardrails.redaction.classified import ClassifiedFields
from guardrails.redaction.disguises import Disguises
from guardrails.redaction.errors import RedactionBlocked
from guardrails.redaction.known import KnownValues
from guardrails.redaction.merging import in_characters, merged
from guardrails.redaction.pseudonyms import Names, Pseudonyms, Value, is_pseudonym
from guardrails.redaction.recognizer import CERTAIN, Recognizer
from guardrails.redaction.recognizers import recognizers as built_in
from guardrails.redaction.scan import Found, Scanner

_SHORTEST_NUMBER = 7
MAX_CHARACTERS = 8_000_000
_SECONDS, _SECONDS_PER_CHARACTER = 2.0, 2e-6


class FurtherRecognizers(Protocol):
    """`guardrails.redaction.presidio.Further`: recognizers that are not ours. Raises rather than finding half."""

    def found(self, text: str) -> list[Found]: ...


@dataclass(frozen=True, slots=True)
class RedactionSpan:
    """start <= i < end in the characters of the text. `score` is 1 for what check digits or an unmistakable form
    decided; `validator` says what decided; `disguise` what the value was hidden in, if it was."""

    start: int
    end: int
    entity: str
    score: float
    validator: str
    disguise: str = ""


@dataclass(frozen=True, slots=True)
class Redaction:
    """A redacted text, and where in the original the findings are."""

    text: str
    spans: tuple[RedactionSpan, ...]


class Redactor:
    """Replaces what its recognizers find by stable pseudonyms. Safe to share between threads.

    `classified` holds the fields whose values the catalog calls personal or sensitive; `reclassified` is asked at each
    look for the fields from now on, None for no change; `names` gives the pseudonyms (default: derived from `key`
    alone, not to be revealed); `further` runs Presidio's recognizers as well. Every method raises RedactionBlocked when
    the text could not be looked at completely, be it for an error, its size or the time it takes; nothing is ever
    returned unlooked.
    """

    def __init__(
        self,
        key: bytes,
        *,
        recognizers: Sequence[Recognizer] | None = None,
        classified: ClassifiedFields | None = None,
        names: Names | None = None,
        further: FurtherRecognizers | None = None,
        reclassified: Callable[[], ClassifiedFields | None] = lambda: None,
        max_characters: int = MAX_CHARACTERS,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._names = names or Pseudonyms(key)
        self._recognizers = built_in() if recognizers is None else recognizers
        self._known = KnownValues()
        self._classify(classified or ClassifiedFields())
        self._further = further
        self._reclassified = reclassified
        self._max_characters = max_characters
        self._timer = timer

    @property
    def entities(self) -> list[str]:
        return [*self._scanner.entities]

    def redact(self, text: str, *, key: str = "") -> str:
        """`text` with every finding replaced. `key` is the name of the field it stands in, if it has one."""
        found = self._look(text, key)
        return self._replaced(text, found) if found else text

    def spans(self, text: str, *, key: str = "") -> list[RedactionSpan]:
        """Where the findings are, in order and without overlap."""
        return [_span(one) for one in self._look(text, key)]

    def redaction(self, text: str, *, key: str = "") -> Redaction:
        """Both in one look."""
        found = self._look(text, key)
        return Redaction(text=self._replaced(text, found), spans=tuple(map(_span, found)))

    def redact_value(self, value: Any, *, key: str = "") -> Any:
        """A JSON value with every text in it redacted, keys included, and long whole numbers that identify somebody.

        Values of classified fields are replaced whole, and are known from then on: first all of them are learned, then
        the rest is looked at, so that the order of fields does not matter.
        """
        try:
            self._follow()
            self._learn(value, key)
            return self._value(value, key)
        except RecursionError as error:
            raise RedactionBlocked("the value is nested too deeply to be redacted") from error

    def _follow(self) -> None:
        fields = self._reclassified()
        if fields is not None:
            self._classify(fields)

    def _classify(self, fields: ClassifiedFields) -> None:
        scanner = Scanner([*self._recognizers, *fields.recognizers()])
        self._classified, self._scanner = fields, scanner
        self._disguises = Disguises(scanner, self._known)

    def _learn(self, value: Any, key: str) -> None:
        if isinstance(value, dict):
            for name, item in cast("dict[str, Any]", value).items():
                self._learn(item, str(name))
        elif isinstance(value, list | tuple):
            for item in cast("list[Any]", value):
                self._learn(item, key)
        elif key and isinstance(value, str) and (field := self._classified.get(key)):
            self._known.learn([value], field)

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return self.redact(value, key=key)
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {self.redact(str(name)): self._value(item, str(name)) for name, item in items}
        if isinstance(value, list | tuple):
            return [self._value(item, key) for item in cast("list[Any]", value)]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value, key)
        raise RedactionBlocked(
            f"{type(value).__name__!r} is not a JSON value", hint="redact text, numbers, lists and mappings"
        )

    def _number(self, value: float, key: str) -> Any:
        if key and self._classified.get(key):
            return self.redact(str(value), key=key)
        # A tax id that went through a data frame is a float.
        written = str(int(value)) if isinstance(value, int) or value.is_integer() else ""
        redacted = self.redact(written, key=key) if len(written) >= _SHORTEST_NUMBER else written
        return value if redacted == written else redacted

    def _look(self, text: str, key: str) -> list[Found]:
        if not text:
            return []
        if len(text) > self._max_characters:
            raise RedactionBlocked(
                f"a text of {len(text)} characters is too long to be looked at",
                hint=f"redact it in parts of at most {self._max_characters}",
            )
        try:
            self._follow()
            return self._found(text, key)
        except RedactionBlocked:
            raise
        except Exception as error:  # noqa: BLE001 whatever went wrong, unlooked text does not leave
            raise RedactionBlocked(
                f"redaction failed on a text of {len(text)} characters: {type(error).__name__}",
                hint="the text was withheld; see the cause of this exception",
            ) from None

    def _found(self, text: str, key: str) -> list[Found]:
        field = self._classified.get(key) if key else None
        if field is not None and text.strip() and not is_pseudonym(text):
            self._known.learn([text], field)
            return [self._whole(text, field)]
        data = text.encode("utf-8", "surrogatepass")
        seconds = _SECONDS + len(text) * _SECONDS_PER_CHARACTER
        budget = Budget(len(data), seconds=seconds, timer=self._timer)
        look = self._scanner.look(key, budget)
        scanned = self._scanner.scan(data, look)
        self._known_from_now(scanned.found)
        found = in_characters([*scanned.found, *self._known.found(data)], data, text)
        if scanned.signs:
            found.extend(self._disguises.found(text, scanned, look))
        if self._further is not None:
            found.extend(self._further.found(text))
        return merged(found)

    def _whole(self, text: str, field: Recognizer) -> Found:
        """The value of a classified field, by the name of what it is where that is recognized: one customer, one name,
        whichever field his number stood in."""
        data = text.strip().encode("utf-8", "surrogatepass")
        look = self._scanner.look(field.entity, Budget(len(data), seconds=_SECONDS, timer=self._timer))
        for one in self._scanner.scan(data, look).found:
            if (one.start, one.end) == (0, len(data)) and one.recognizer.entity not in self._classified.entities:
                return one._replace(end=len(text))
        return Found(0, len(text), field, text, CERTAIN)

    def _known_from_now(self, found: Iterable[Found]) -> None:
        """What stood next to the name of a classified field in a text is known as well."""
        for one in found:
            if one.recognizer.entity in self._classified.entities:
                self._known.learn([one.value], one.recognizer)

    def _replaced(self, text: str, found: Sequence[Found]) -> str:
        values: dict[tuple[str, str], Value] = {}
        for one in found:
            said = (one.recognizer.entity, one.value)
            if said not in values:
                values[said] = Value(one.recognizer.entity, one.recognizer.normalise(one.value), one.recognizer)
        names = dict(zip(values, self._names.names([*values.values()]), strict=True))
        pieces: list[str] = []
        position = 0
        for one in found:
            pieces += (text[position : one.start], names[one.recognizer.entity, one.value])
            position = one.end
        pieces.append(text[position:])
        return "".join(pieces)


def _span(found: Found) -> RedactionSpan:
    return RedactionSpan(
        start=found.start,
        end=found.end,
        entity=found.recognizer.entity,
        score=found.score,
        validator=found.recognizer.validator,
        disguise=found.disguise,
    )
