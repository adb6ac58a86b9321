"""Where a typed argument's words stand in text from outside, as a reader sees both: case, look-alikes and invisible
characters undone, however deep in the argument they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from guardrails.taint.choices import is_moment, strings_in
from guardrails.taint.suspicion import folded

SHORTEST_QUOTE = 3
"""Characters of an argument that can be recognised in a text."""

_SHORTEST_NAME = 5
_BETWEEN = re.compile(r"[\s\"'`,;()\[\]{}<>=|]+")
_ENDS = ".:!?"


def foreign_texts(value: Any, is_ours: Callable[[str], bool]) -> list[str]:
    """Texts in a JSON value that are none of our names and no moment, folded."""
    texts = (text for text in strings_in(value) if not is_ours(text) and not is_moment(text))
    return [plain for text in texts if len(plain := folded(text).strip()) >= SHORTEST_QUOTE]


def stands_in(text: str, place: str) -> bool:
    """Whether `text` is quoted from `place`; both folded."""
    return text in place


def borrows_from(text: str, place: str, is_ours: Callable[[str], bool]) -> bool:
    """Whether `text` is, holds, or has as one of its words what `place` names; both folded. For places that give
    orders: a name copied with something before or behind it is still theirs. A name is a word that is not only letters.
    """
    if stands_in(text, place):
        return True
    theirs = {word for word in _names(place) if not is_ours(word)}
    return any(word in text for word in theirs) or any(word in place for word in _names(text) if not is_ours(word))


def _names(text: str) -> set[str]:
    words = (word.strip(_ENDS) for word in _BETWEEN.split(text))
    return {word for word in words if len(word) >= _SHORTEST_NAME and not word.isalpha() and not is_moment(word)}
