"""Runs of base64 that are found and placed all at once are found and placed as one by one."""

from __future__ import annotations

import base64
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.redaction import blobs, signs
from guardrails.redaction.views import View

WORDS = st.text(alphabet="abcXYZ019 @.-", min_size=6, max_size=60)
RAW = st.binary(max_size=60)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Base64 of words, of anything, of words that begin in the middle of a quartet, and what stands between."""
    pieces: list[str] = []
    for _ in range(draw(st.integers(1, 6))):
        said = draw(st.one_of(WORDS.map(str.encode), RAW))
        run = base64.b64encode(said).decode()
        if draw(st.booleans()):
            run = run.replace("+", "-").replace("/", "_").rstrip("=")
        pieces += (draw(st.sampled_from(["", "x", "qq", "A1b"])) + run, draw(st.sampled_from([" ", "; ", "=", "\n\n"])))
    return "".join(pieces)


@given(texts())
@settings(max_examples=60, deadline=None)
def test_signs_are_where_the_pattern_finds_them(text: str) -> None:
    pattern = signs.PATTERNS[signs.BASE64].partition("|(?:77")[0]
    expected = [found.start() for found in re.finditer(f"(?={pattern})", text)]
    assert blobs._signs_of_base64(text.encode()) == expected


@given(texts(), st.sampled_from([0, 1, 2, 3]))
@settings(max_examples=60, deadline=None)
def test_pieces_stand_where_they_would_one_by_one(text: str, phase: int) -> None:
    view = View.of(text)
    together: list[blobs._Piece] = []
    alone: list[tuple[str, list[int], list[int]]] = []
    for match in blobs._BASE64_RUN.finditer(text):
        if "\n" in match.group():
            continue
        run = match.group().translate(blobs._URL_SAFE)
        blobs._read(run, phase, *match.span(), together)
        places = np.arange(match.start(), match.start() + len(run), dtype=np.int32)
        for said, first, last in blobs._from_base64(run, places, match.end(), phase):
            alone.append((said, first.tolist(), (last + 1).tolist()))
    assert [piece[0] for piece in together] == [said for said, _, _ in alone]
    if not together:
        return
    made, at = blobs._put_together(view, together), 0
    for said, first, last in alone:
        here = slice(at, at + len(said))
        assert (made.text[here], made.starts[here].tolist(), made.ends[here].tolist()) == (said, first, last)
        at += len(said) + 1
    assert at == len(made.text)
