"""A text is read by the automata, which say which patterns occur in it; then the candidates of those that do.

Most texts hold nothing: for them the cost is the automata's. For the rest each pattern that occurs is searched on its
own, so that one recognizer's rejected candidate can never hide another's. The automata also tell whether the text may
hold disguises (`guardrails.redaction.disguises`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from guardrails.redaction import signs
from guardrails.redaction.automata import Automata
from guardrails.redaction.budget import CANDIDATE, Budget
from guardrails.redaction.compiled import CompiledForm, compile_form, compile_number
from guardrails.redaction.errors import RedactionBlocked
from guardrails.redaction.look import Look
from guardrails.redaction.recognizer import NUMBER, Recognizer, anywhere, stands_alone

SHORTEST_NUMBER, LONGEST_NUMBER = 7, 22
_RUN = re.compile(rb"[0-9](?<![0-9A-Za-z][0-9])[0-9]{6,21}(?![0-9A-Za-z])")
_LONG_RUN = re.compile(rb"[0-9](?<![0-9A-Za-z][0-9])[0-9]{10,21}(?![0-9A-Za-z])")
"""Not RE2: a bounded repetition of one class is linear in any engine, and these iterate without wrappers. Shorter runs
than eleven digits say nothing without a context word."""

_ALONE = "(?:^|[^0-9A-Za-z])(?:%s)(?:$|[^0-9A-Za-z])"
_RUN_ALONE = r"(?:^|[^0-9A-Za-z])\d{7,22}(?:$|[^0-9A-Za-z])"


class Found(NamedTuple):
    """start <= i < end in the bytes that were scanned; `value` is the text there, without its disguise."""

    start: int
    end: int
    recognizer: Recognizer
    value: str
    score: float
    disguise: str = ""


@dataclass(slots=True)
class Scanned:
    found: list[Found]
    signs: frozenset[str]
    """Names of the disguises the text may hold."""


@dataclass(frozen=True, slots=True)
class _Words:
    entity: str


@dataclass(frozen=True, slots=True)
class _Sign:
    name: str


_RUNS = "runs of digits"
_IN_CONTEXT = "numbers in context"
"""The family of weak forms of numbers: read only where a context word was seen."""

_Meaning = CompiledForm | _Words | _Sign | str


class Scanner:
    """Finds what the recognizers recognize. Raises RedactionBlocked when one does not find its own example."""

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        self._automata: Automata[_Meaning] = Automata()
        self._fields: dict[str, re.Pattern[bytes]] = {}
        self._by_length: dict[int, list[CompiledForm]] = {}
        self.entities: dict[str, Recognizer] = {}
        for recognizer in recognizers:
            self.entities.setdefault(recognizer.entity, recognizer)
            self._add(recognizer)
        self._automata.add(NUMBER, _RUN_ALONE, _RUNS)
        for name, pattern in signs.PATTERNS.items():
            self._automata.add("groups" if name == signs.GROUPS else "signs", pattern, _Sign(name))
        self._automata.compile()
        for recognizer in recognizers:
            self._check(recognizer)

    def look(self, key: str, budget: Budget) -> Look:
        """A look at a text that stands in the field `key`: its name is context."""
        field = key.encode("utf-8", "surrogatepass").lower()
        contexts = {entity for entity, words in self._fields.items() if words.search(field)} if field else set[str]()
        return Look(field, budget, contexts)

    def scan(self, data: bytes, look: Look) -> Scanned:
        """What is in `data`, as the recognizers propose it: in no order, overlaps not merged."""
        look.budget.spend(len(data))
        occurring = self._automata.occurring(data, without=_IN_CONTEXT)
        look.contexts.update(meaning.entity for meaning in occurring if isinstance(meaning, _Words))
        if look.contexts:
            occurring += self._automata.occurring(data, only=_IN_CONTEXT)
        if not occurring:
            return Scanned([], frozenset())
        found: list[Found] = []
        seen: list[str] = []
        for meaning in occurring:
            if isinstance(meaning, CompiledForm):
                if meaning.context is None or meaning.recognizer.entity in look.contexts:
                    found.extend(_candidates(meaning, data, look))
            elif isinstance(meaning, _Sign):
                seen.append(meaning.name)
            elif isinstance(meaning, str):
                found.extend(self._in_runs(data, look))
        return Scanned(found, frozenset(seen))

    def number(self, data: bytes, start: int, end: int, value: str, look: Look) -> Iterator[Found]:
        """What the digits `value` are, which stand in `data` from `start` to `end`, perhaps with signs between them."""
        look.budget.spend(CANDIDATE)
        for form in self._numbers(len(value), look):
            if form.fits(data, start, value, look):
                yield Found(start, end, form.recognizer, value, _score(form, data, start, look))

    def _in_runs(self, data: bytes, look: Look) -> Iterator[Found]:
        for match in (_RUN if look.contexts else _LONG_RUN).finditer(data):
            start, end = match.span()
            forms = self._numbers(end - start, look)
            if not forms or not stands_alone(data, start, end):
                continue
            look.budget.spend(CANDIDATE)
            value = match.group().decode()
            for form in forms:
                if form.fits(data, start, value, look):
                    yield Found(start, end, form.recognizer, value, _score(form, data, start, look))

    def _numbers(self, length: int, look: Look) -> list[CompiledForm]:
        """What a number of this length may be, given the context words there are."""
        asked = (length, len(look.contexts))  # contexts are added, never taken away
        usable = look.usable.get(asked)
        if usable is None:
            of_length = self._by_length.get(length, ())
            usable = [form for form in of_length if form.context is None or form.recognizer.entity in look.contexts]
            look.usable[asked] = usable
        return usable

    def _add(self, recognizer: Recognizer) -> None:
        if recognizer.context:
            # Looked for once for the whole text: a form that needs a context word costs nothing where there is none.
            words = anywhere(recognizer.context)
            self._automata.add("words", f"(?i){words}", _Words(recognizer.entity))
            self._fields[recognizer.entity] = re.compile(words.encode())
        for form in recognizer.forms:
            pattern = _ALONE % form.pattern if form.isolated else form.pattern
            family = _IN_CONTEXT if form.needs_context and recognizer.family == NUMBER else recognizer.family
            self._automata.add(family, pattern, compile_form(recognizer, form))
        for number in recognizer.numbers:
            compiled = compile_number(recognizer, number)
            for length in number.lengths:
                if not SHORTEST_NUMBER <= length <= LONGEST_NUMBER:
                    raise RedactionBlocked(f"recognizer {recognizer.entity!r} wants a number of {length} digits")
                self._by_length.setdefault(length, []).append(compiled)

    def _check(self, recognizer: Recognizer) -> None:
        data = recognizer.example.encode()
        look = self.look("", Budget(len(data), seconds=10))
        if not any(found.recognizer is recognizer for found in self.scan(data, look).found):
            raise RedactionBlocked(
                f"recognizer {recognizer.entity!r} does not find its own example",
                hint="redaction must not start with a blind recognizer; correct its pattern or its example",
            )


def _candidates(form: CompiledForm, data: bytes, look: Look) -> Iterator[Found]:
    pattern = form.pattern
    if pattern is None:
        return
    for match in pattern.finditer(data):
        start, end = match.span(form.group)
        look.budget.spend(CANDIDATE)
        if form.isolated and not stands_alone(data, start, end):
            continue
        value = data[start:end].decode("utf-8", "surrogatepass")
        if form.fits(data, start, value, look):
            yield Found(start, end, form.recognizer, value, _score(form, data, start, look))


def _score(form: CompiledForm, data: bytes, start: int, look: Look) -> float:
    return form.surety(data, start, look)
