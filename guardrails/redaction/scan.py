"""One pass over a text that says which patterns occur in it, then the candidates of those that do.

Most texts hold nothing: for them the cost is a single run of RE2's automaton over all patterns together. For the rest
each pattern that occurs is searched on its own, so that one recognizer's rejected candidate can never hide another's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import re2

from guardrails.redaction.errors import RedactionBlocked
from guardrails.redaction.recognizer import (
    Form,
    Recognizer,
    anywhere,
    as_label,
    as_words,
    stands_alone,
    words_before,
)

_MAX_MEMORY = 32 << 20
"""Bytes for the automaton's states; RE2 throws states away and goes on when they do not fit."""


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """start <= i < end in the UTF-8 bytes; `value` is the text there."""

    start: int
    end: int
    recognizer: Recognizer
    value: str


@dataclass(frozen=True, slots=True)
class _Compiled:
    recognizer: Recognizer
    form: Form
    pattern: re2._Regexp  # pyright: ignore[reportPrivateUsage] the module exports no public name for it
    group: int
    validate: Callable[[str], bool] | None
    context: re.Pattern[bytes] | None
    label: re.Pattern[bytes] | None


class Scanner:
    """Finds what the recognizers recognize. Raises RedactionBlocked when one does not find its own example."""

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        options = re2.Options()
        options.max_mem = _MAX_MEMORY
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        self._compiled = [
            _compile(recognizer, form, options) for recognizer in recognizers for form in recognizer.forms
        ]
        for compiled in self._compiled:
            self._set.Add(compiled.form.pattern)
        # The context words are in the same automaton: a form that needs one costs nothing where there is none.
        self._words = {c.recognizer.entity: self._add_words(c.recognizer.context) for c in self._compiled if c.context}
        self._set.Compile()
        self.entities = {recognizer.entity: recognizer for recognizer in recognizers}
        for recognizer in recognizers:
            if not any(span.recognizer is recognizer for span in self.scan(recognizer.example.encode())):
                raise RedactionBlocked(
                    f"recognizer {recognizer.entity!r} does not find its own example",
                    hint="redaction must not start with a blind recognizer; correct its pattern or its example",
                )

    def scan(self, data: bytes, *, key: str = "") -> list[ByteSpan]:
        """What is in `data`, overlaps merged, in order. `key` names the field the text stands in: it is context."""
        matched = self._set.Match(data)
        if not matched:
            return []
        field = key.encode("utf-8", "surrogatepass").lower()
        named = set(matched)
        found: list[ByteSpan] = []
        for compiled in (self._compiled[index] for index in matched if index < len(self._compiled)):
            words = compiled.context
            if words is None or self._words[compiled.recognizer.entity] in named or words.search(field):
                found.extend(_candidates(compiled, data, field))
        return merged(found, data)

    def _add_words(self, words: tuple[str, ...]) -> int:
        return self._set.Add(f"(?i){anywhere(words)}")


def _compile(recognizer: Recognizer, form: Form, options: re2.Options) -> _Compiled:
    pattern = re2.compile(form.pattern, options)
    return _Compiled(
        recognizer=recognizer,
        form=form,
        pattern=pattern,
        group=1 if pattern.groups else 0,
        validate=form.validate or recognizer.validate,
        context=as_words(recognizer.context) if form.needs_context else None,
        label=as_label(form.not_after),
    )


def _candidates(compiled: _Compiled, data: bytes, field: bytes) -> Iterator[ByteSpan]:
    form = compiled.form
    for match in compiled.pattern.finditer(data):
        start, end = match.span(compiled.group)
        if form.isolated and not stands_alone(data, start, end):
            continue
        if compiled.context is not None or compiled.label is not None:
            before = field + b"=" + words_before(data, start)
            if compiled.context is not None and not compiled.context.search(before):
                continue
            if compiled.label is not None and compiled.label.search(before):
                continue
        value = data[start:end].decode("utf-8", "surrogatepass")
        if compiled.validate is None or compiled.validate(value):
            yield ByteSpan(start, end, compiled.recognizer, value)


def merged(found: list[ByteSpan], data: bytes) -> list[ByteSpan]:
    """Overlapping spans become one that covers them all and is named by the longest: no piece of a value stays."""
    if len(found) < 2:
        return found
    found.sort(key=lambda span: (span.start, -span.end))
    merged = [found[0]]
    longest = found[0]
    for span in found[1:]:
        last = merged[-1]
        if span.start >= last.end:
            merged.append(span)
            longest = span
            continue
        if span.end - span.start > longest.end - longest.start:
            longest = span
        end = max(last.end, span.end)
        value = (
            longest.value
            if (last.start, end) == (longest.start, longest.end)
            else data[last.start : end].decode("utf-8", "surrogatepass")
        )
        merged[-1] = ByteSpan(last.start, end, longest.recognizer, value)
    return merged
