"""A text in another form, with the way back: for every character, where in the original it comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int32]

GAP = "\n"
"""Stands between pieces of a text that do not belong together."""


@dataclass(frozen=True, slots=True)
class View:
    """`text[i]` is what `original[starts[i]:ends[i]]` says. `disguise` names the forms that were looked behind."""

    text: str
    starts: Offsets
    ends: Offsets
    disguise: str = ""

    @classmethod
    def of(cls, text: str) -> View:
        starts = np.arange(len(text), dtype=np.int32)
        return cls(text, starts, starts + 1)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the original; start < end."""
        return int(self.starts[start]), int(self.ends[end - 1])

    def named(self, disguise: str) -> str:
        """The disguise of a view made from this one."""
        seen = self.disguise.split("+") if self.disguise else []
        return "+".join(dict.fromkeys([*seen, disguise]))


def picked(view: View, text: str, keep: npt.NDArray[np.bool_], disguise: str) -> View:
    """`text` is what was made of the characters that were kept, one of each."""
    return View(text, view.starts[keep], view.ends[keep], view.named(disguise))


def substituted(view: View, pattern: re.Pattern[str], decode: Callable[[str], str], disguise: str) -> View | None:
    """`view` with what `pattern` matches (its one group, the whole match) decoded; None when it matches nothing.

    A decoded character comes from the whole match it was decoded from.
    """
    pieces = pattern.split(view.text)
    count = len(pieces)
    if count == 1:
        return None
    taken = np.fromiter(map(len, pieces), np.int32, count)
    pieces[1::2] = map(decode, pieces[1::2])
    given = taken.copy()
    given[1::2] = np.fromiter(map(len, pieces[1::2]), np.int32, count // 2)
    source_at = np.cumsum(taken, dtype=np.int32) - taken
    made_at = np.cumsum(given, dtype=np.int32) - given
    total = int(given.sum())
    plain = np.zeros(count, np.bool_)
    plain[0::2] = True
    is_plain = np.repeat(plain, given)
    inside = np.arange(total, dtype=np.int32) - np.repeat(made_at, given)
    first = np.repeat(source_at, given) + np.where(is_plain, inside, 0)
    last = np.where(is_plain, first, np.repeat(source_at + taken - 1, given))
    return View("".join(pieces), view.starts[first], view.ends[last], view.named(disguise))


def joined(view: View, blobs: Sequence[tuple[str, npt.NDArray[np.int32], npt.NDArray[np.int32]]], name: str) -> View:
    """Decoded pieces of `view` one after the other, a gap between each two. Each piece: its text, and for every
    character the first and the last character of `view` that it was decoded from."""
    texts: list[str] = []
    firsts: list[Offsets] = []
    lasts: list[Offsets] = []
    for text, first, last in blobs:
        if texts:
            texts.append(GAP)
            firsts.append(first[:1])
            lasts.append(first[:1])
        texts.append(text)
        firsts.append(first)
        lasts.append(last)
    return View("".join(texts), view.starts[np.concatenate(firsts)], view.ends[np.concatenate(lasts)], view.named(name))
