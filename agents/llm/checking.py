"""Which of a model's sentences stay: those that cite what exists and say no number that it does not carry."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from agents.llm.figures import unsupported_numbers
from agents.llm.narrative import Sentence
from agents.llm.prompt import Draft
from guardrails.taint.suspicion import folded, suspicious

MOST_SENTENCES = 8
LONGEST_SENTENCE = 400
_LINK_OR_MENTION = re.compile(r"https?://|www\.|<[!@#]|@(?:here|channel|everyone)|\]\(", re.IGNORECASE)
_SOMEBODY = re.compile(r"\b(?:human|agent|service):\w", re.IGNORECASE)


def carried(
    drafts: Sequence[Draft], material: Mapping[str, Sequence[Any]], *, unspoken: Collection[str] = ()
) -> tuple[Sentence, ...]:
    """The sentences that hold, in order. `material` holds, by evidence id, the JSON values its numbers may come from;
    `unspoken` are words that none may say: names of tools that act.

    Links and mentions are dropped with their sentence: a summary needs none, and evidence is where somebody would
    plant one. So is what gives orders or says who decided: the model has read what tools returned, and prose tells what
    happened, never what to do or who allowed it.
    """
    kept: list[Sentence] = []
    for draft in drafts:
        text, ids = " ".join(draft.text.split()), tuple(dict.fromkeys(draft.evidence_ids))
        if not text or len(text) > LONGEST_SENTENCE or _LINK_OR_MENTION.search(text):
            continue
        if _SOMEBODY.search(text) or _says(text, unspoken) or any(suspicious([("", text)])):
            continue
        if not ids or any(i not in material for i in ids):
            continue
        if not unsupported_numbers(text, [value for i in ids for value in material[i]]):
            kept.append(Sentence(text=text, evidence_ids=ids))
    return tuple(kept[:MOST_SENTENCES])


def _says(text: str, unspoken: Collection[str]) -> bool:
    """Whether one of the names stands in it, written as a name or in words."""
    plain = re.sub(r"[\W_]+", " ", folded(text))
    return any(name.replace("_", " ") in plain for name in unspoken)
