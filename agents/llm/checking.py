"""Which of a model's sentences stay: those that cite what exists and say no number that it does not carry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.llm.figures import unsupported_numbers
from agents.llm.narrative import Sentence
from agents.llm.prompt import Draft

MOST_SENTENCES = 8
LONGEST_SENTENCE = 400
_LINK_OR_MENTION = re.compile(r"https?://|www\.|<[!@#]|@(?:here|channel|everyone)|\]\(", re.IGNORECASE)


def carried(drafts: Sequence[Draft], material: Mapping[str, Sequence[Any]]) -> tuple[Sentence, ...]:
    """The sentences that hold, in order. `material` holds, by evidence id, the JSON values its numbers may come from.

    Links and mentions are dropped with their sentence: a summary needs none, and evidence is where somebody would
    plant one.
    """
    kept: list[Sentence] = []
    for draft in drafts:
        text, ids = " ".join(draft.text.split()), tuple(dict.fromkeys(draft.evidence_ids))
        if not text or len(text) > LONGEST_SENTENCE or _LINK_OR_MENTION.search(text):
            continue
        if not ids or any(i not in material for i in ids):
            continue
        if not unsupported_numbers(text, [value for i in ids for value in material[i]]):
            kept.append(Sentence(text=text, evidence_ids=ids))
    return tuple(kept[:MOST_SENTENCES])
