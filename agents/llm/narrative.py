"""The prose over a diagnosis, and the port of those who write it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from foundation.frozen import Frozen


class Sentence(Frozen):
    text: str
    evidence_ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.text} [{' '.join(self.evidence_ids)}]" if self.evidence_ids else self.text


class Narrative(Frozen):
    """`author` is `template` or the model's name; `note` says why it was not the model, or what was left out."""

    sentences: tuple[Sentence, ...]
    author: str
    note: str | None = None

    @property
    def text(self) -> str:
        return " ".join(str(sentence) for sentence in self.sentences)


class Narrator(Protocol):
    def narrate(self, diagnosis: Diagnosis, evidence: Sequence[Evidence]) -> Narrative:
        """Short prose, every sentence tied to evidence. Never raises for a fault of a model."""
        ...
