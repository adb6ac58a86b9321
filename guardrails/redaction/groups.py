"""Numbers with signs between their digits, and words with signs between their letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from guardrails.redaction import signs
from guardrails.redaction.recognizer import CONTEXT_BYTES
from guardrails.redaction.views import GAP, View

_SEPARATOR = rf"[{signs.SEPARATORS}]"

# One kind of separator all through, at every place where a group of digits begins (the look-ahead lets the next group
# begin a number of its own: `1-529 98 22 47 25`).
_NUMBER = re.compile(
    rf"[0-9](?<![0-9A-Za-z][0-9])(?=([0-9]{{0,13}}+({_SEPARATOR}{{1,3}})[0-9]{{1,14}}+"
    r"(?:(?:\2[0-9]{1,3}+(?![0-9])){1,20}+(?!\2[0-9])|(?:\2[0-9]{1,14}+){1,10}+)))"
)
_FEWEST, _MOST = 8, 22

_SPELLED = re.compile(rf"(?<![0-9A-Za-z])[0-9A-Za-z]({_SEPARATOR}{{1,3}}+)[!-~](?:\1[!-~](?![0-9A-Za-z])){{5,}}+")


def spaced_numbers(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, digits) of the numbers of eight to 22 digits in three or more groups, the same separator between all
    of them."""
    position = 0
    while match := _NUMBER.search(text, position):
        start, end = match.start(), match.end(1)
        separator = match.group(2)
        position = _last_group(text, start, separator)
        value = text[start:end].replace(separator, "")
        if not _FEWEST <= len(value) <= _MOST:
            continue
        before = start - len(separator)
        if before > 0 and text.startswith(separator, before) and text[before - 1].isdigit():
            continue  # the middle of a longer one
        after = end + len(separator)
        if text.startswith(separator, end) and text[after : after + 1].isdigit():
            continue  # longer than any identifier
        if text[end : end + 1].isalnum():
            continue
        yield start, end, value


def _last_group(text: str, start: int, separator: str) -> int:
    """Where the last group of all that follow `start` with this separator begins: those between would be the middle of
    a longer number, the last may begin one with another separator. Looking from each of them would cost twenty times
    as much on a text of nothing but groups."""
    whole = _groups_with(separator).match(text, start)
    return start + 1 if whole is None else text.rindex(separator, start, whole.end()) + len(separator)


@lru_cache(maxsize=1024)
def _groups_with(separator: str) -> re.Pattern[str]:
    return re.compile(f"[0-9]++(?:{re.escape(separator)}[0-9]++)++")


def spelled(view: View) -> View | None:
    """The words of `view` that are spelled out, letter by letter, put together, each with the text before it."""
    keep: list[int] = []
    text: list[str] = []
    for match in _SPELLED.finditer(view.text):
        start, end = match.span()
        step = 1 + len(match.group(1))
        before = max(0, start - CONTEXT_BYTES)
        text += (view.text[before:start], view.text[start:end:step], GAP)
        keep += range(before, start)
        keep += range(start, end, step)
        keep.append(end - 1)
    if not text:
        return None
    places = np.array(keep, np.int32)
    return View("".join(text), view.starts[places], view.ends[places], view.named("spelled"))
