"""Prose without a model: what broke, since when, who is hurt, why we think so, what was ruled out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from agents.diagnosis.types import Diagnosis, Finding, Hypothesis
from agents.evidence import Evidence
from agents.llm.narrative import Narrative, Sentence

_SINCE = ("since", "began_at", "started_at", "start", "at", "changed_at", "failed_at")
_MOST_REASONS = 4
_MOST_RULED_OUT = 3


class TemplateNarrator:
    """Deterministic: the same diagnosis gives the same sentences."""

    def narrate(self, diagnosis: Diagnosis, evidence: Sequence[Evidence]) -> Narrative:
        """Sentences that cite evidence which exists; a finding that cites none is left to the card."""
        known = {piece.id for piece in evidence}
        drafts = [*_what(diagnosis), *_why(diagnosis), *_ruled_out(diagnosis)]
        sentences = [
            Sentence(text=_as_sentence(text), evidence_ids=cited)
            for text, ids in drafts
            if (cited := tuple(i for i in dict.fromkeys(ids) if i in known))
        ]
        return Narrative(sentences=tuple(sentences), author="template", note=None if sentences else _NOTHING)


_NOTHING = "no evidence was collected, so there is nothing to tell"

_Draft = tuple[str, tuple[str, ...]]


def _what(diagnosis: Diagnosis) -> Iterable[_Draft]:
    top = diagnosis.top
    if top is None:
        return
    ids = _ids(top.supporting) or _ids(top.refuting)
    if diagnosis.verdict == "inconclusive":
        yield f"The evidence does not carry a cause; the closest is: {top.title}", ids
        return
    yield top.title if diagnosis.verdict == "cause" else f"This is an expected change, not a fault: {top.title}", ids
    since, hurt = _since(top.facts), _hurt(top.facts)
    if since:
        yield f"It began at {since}", ids
    if hurt:
        yield f"Affected: {hurt}", ids


def _why(diagnosis: Diagnosis) -> Iterable[_Draft]:
    top = diagnosis.top
    if top is None:
        return
    for finding in sorted(top.supporting, key=lambda f: -f.weight)[:_MOST_REASONS]:
        yield finding.text, finding.evidence_ids
    for finding in top.refuting[:1]:
        yield f"Against it: {finding.text}", finding.evidence_ids


def _ruled_out(diagnosis: Diagnosis) -> Iterable[_Draft]:
    for hypothesis in diagnosis.ruled_out[:_MOST_RULED_OUT]:
        against = min(hypothesis.refuting, key=lambda f: f.weight, default=None)
        if against is not None:
            yield f"Ruled out: {_name(hypothesis)}, because {_uncapital(against.text)}", against.evidence_ids


def _ids(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(i for finding in findings for i in finding.evidence_ids))


def _since(facts: dict[str, Any]) -> str | None:
    for key in _SINCE:
        value = facts.get(key)
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%d %H:%M UTC")
        if isinstance(value, str) and value:
            try:
                return datetime.fromisoformat(value).strftime("%Y-%m-%d %H:%M UTC")
            except ValueError:
                continue
    return None


def _hurt(facts: dict[str, Any]) -> str:
    named = [str(facts[key]) for key in ("endpoint", "view", "source", "job") if facts.get(key)]
    tenant = facts.get("tenant")
    return ", ".join(named) + (f" (tenant {tenant})" if tenant and named else "")


def _name(hypothesis: Hypothesis) -> str:
    return hypothesis.cause.replace("_", " ")


def _uncapital(text: str) -> str:
    head = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if head[1:].islower() else text


def _as_sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(" .;")
    return f"{text[:1].upper()}{text[1:]}." if text.split(" ", 1)[0].isalpha() else f"{text}."
