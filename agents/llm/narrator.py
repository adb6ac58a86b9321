"""Prose by a language model, held to the evidence; and what stands in when it fails.

A sentence stays only if it cites evidence that exists and every number in it occurs in that evidence. If nothing stays,
or anything at all goes wrong, the deterministic narrator writes instead and the note says why.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from agents.llm.checking import carried
from agents.llm.errors import ModelUnavailable
from agents.llm.narrative import Narrative, Narrator, Sentence
from agents.llm.observed import ObservedChatModel
from agents.llm.port import ChatModel, OnModelCall
from agents.llm.prompt import Draft, material, messages, piece_material, read_drafts
from agents.llm.template import TemplateNarrator
from guardrails.redaction.errors import RedactionBlocked

__all__ = ["ModelNarrator", "Narrative", "Narrator", "Redacts", "Sentence", "TemplateNarrator"]

MAX_TOKENS = 1200


class Redacts(Protocol):
    """What the narrator needs of guardrails.redaction.engine.Redactor."""

    def redact(self, text: str) -> str: ...
    def redact_value(self, value: Any) -> Any: ...


class ModelNarrator:
    def __init__(
        self,
        model: ChatModel,
        redactor: Redacts,
        fallback: Narrator,
        *,
        on_call: OnModelCall | None = None,
        unspoken: Collection[str] = (),
    ) -> None:
        """`unspoken`: names of tools that act, which prose does not recommend."""
        self._unspoken = frozenset(unspoken)
        self._model = ObservedChatModel(model, purpose="narrate", on_call=on_call)
        self._redactor = redactor
        self._fallback = fallback

    def narrate(self, diagnosis: Diagnosis, evidence: Sequence[Evidence]) -> Narrative:
        """The model's sentences that hold, or the fallback's."""
        if not evidence:
            return self._fallback.narrate(diagnosis, evidence)
        try:
            redacted = self._redactor.redact_value(material(diagnosis, evidence))
            answer = self._model.complete(messages(diagnosis, evidence, redacted=redacted), max_tokens=MAX_TOKENS)
            drafts = read_drafts(answer.text)
            kept = self._kept(drafts, evidence, redacted)
        except (ModelUnavailable, RedactionBlocked) as error:
            return self._instead(diagnosis, evidence, error.message)
        if not kept:
            return self._instead(diagnosis, evidence, "no sentence of the model was carried by the evidence")
        dropped = len(drafts) - len(kept)
        note = (
            f"{dropped} of {len(drafts)} sentences of the model dropped: not carried by evidence" if dropped else None
        )
        return Narrative(sentences=kept, author=answer.model, note=note)

    def _kept(self, drafts: Sequence[Draft], evidence: Sequence[Evidence], redacted: Any) -> tuple[Sentence, ...]:
        material = {piece.id: [piece_material(piece), redacted["evidence"][piece.id]] for piece in evidence}
        return tuple(
            sentence.model_copy(update={"text": self._redactor.redact(sentence.text)})
            for sentence in carried(drafts, material, unspoken=self._unspoken)
        )

    def _instead(self, diagnosis: Diagnosis, evidence: Sequence[Evidence], reason: str) -> Narrative:
        prose = self._fallback.narrate(diagnosis, evidence)
        return prose.model_copy(update={"note": f"language model not used: {reason}"})
