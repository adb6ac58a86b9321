"""Forms and numbers of recognizers, ready to be matched and judged."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import re2

from guardrails.redaction.automata import options
from guardrails.redaction.look import Look
from guardrails.redaction.recognizer import (
    CERTAIN,
    WITH_CONTEXT,
    Form,
    Number,
    Recognizer,
    as_label,
    as_words,
)


@dataclass(frozen=True, slots=True)
class CompiledForm:
    """`pattern` is None for a bare number: those are found together. `context` and `label` look at the words before."""

    recognizer: Recognizer
    pattern: re2._Regexp | None  # pyright: ignore[reportPrivateUsage] the module exports no public name for it
    group: int
    isolated: bool
    score: float
    validate: Callable[[str], bool] | None
    context: re.Pattern[bytes] | None
    """Without one of these words it is none."""

    words: re.Pattern[bytes] | None
    """All context words of its recognizer."""

    label: re.Pattern[bytes] | None

    def fits(self, data: bytes, start: int, value: str, look: Look) -> bool:
        """Whether what stands at `start` is one, by the words before it and by the validator, which is asked once per
        value."""
        if self.context is not None and not self.context.search(look.words(data, start)):
            return False
        if self.validate is not None:
            asked = (self.validate, value)
            verdict = look.verdicts.get(asked)
            if verdict is None:
                verdict = look.verdicts[asked] = self.validate(value)
            if not verdict:
                return False
        if self.label is None:
            return True
        before = data[max(0, start - 12) : start].rstrip(b" \t\"'=:#")
        if before and not (before[-1:].isalpha() or before[-1] in b"_/"):
            return True  # no word stands just before it
        return not self.label.search(look.words(data, start))

    def surety(self, data: bytes, start: int, look: Look) -> float:
        """The score of what fits at `start`."""
        if self.words is None or self.recognizer.entity not in look.contexts:
            return self.score
        named = self.context is not None or self.words.search(look.words(data, start))
        return min(CERTAIN, self.score + WITH_CONTEXT) if named else self.score


def compile_form(recognizer: Recognizer, form: Form) -> CompiledForm:
    pattern = re2.compile(form.pattern, options())
    words = as_words(recognizer.context)
    return CompiledForm(
        recognizer=recognizer,
        pattern=pattern,
        group=1 if pattern.groups else 0,
        isolated=form.isolated,
        score=form.score,
        validate=form.validate or recognizer.validate,
        context=words if form.needs_context else None,
        words=words,
        label=as_label(form.not_after),
    )


def compile_number(recognizer: Recognizer, number: Number) -> CompiledForm:
    words = as_words(recognizer.context)
    return CompiledForm(
        recognizer=recognizer,
        pattern=None,
        group=0,
        isolated=True,
        score=number.score,
        validate=number.validate or recognizer.validate,
        context=words if number.needs_context else None,
        words=words,
        label=as_label(number.not_after),
    )
