"""Hexadecimal and base64: the runs of a text that may encode text, decoded."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from guardrails.redaction import signs
from guardrails.redaction.views import Offsets, View, joined

_HEX_SIGN = re.compile(signs.PATTERNS[signs.HEX])
_HEX_RUN = re.compile(r"(?:(?:0[xX])?[0-9A-Fa-f][ :,-]{0,2}){16,}+")
_HEX_PIECE = re.compile(r"[0-9A-Fa-f]{16,}+")
_HEX_FILL = re.compile(r"0[xX]|[^0-9A-Fa-f]")

_BASE64_SIGN = re.compile(signs.PATTERNS[signs.BASE64])
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{11,}+(?:\r?\n[A-Za-z0-9+/_-]++)*+={0,2}")
_URL_SAFE = str.maketrans("-_", "+/", "=\r\n")

Blob = tuple[str, Offsets, Offsets]


def decoded(view: View, found: frozenset[str]) -> Iterator[View]:
    """What the runs of `view` (in ASCII) say, when they are read in each of their alignments."""
    if signs.HEX in found:
        # The pairs of a spaced run together, and what stands without spaces in it alone.
        whole = [match for match in _signed(view.text, _HEX_RUN, _HEX_SIGN) if not _is_piece(match.group())]
        runs = [_hexadecimals(match) for match in (*whole, *_signed(view.text, _HEX_PIECE, _HEX_SIGN))]
        for phase in (0, 1):
            blobs = [blob for digits, places in runs if (blob := _from_hex(digits, places, phase))]
            if blobs:
                yield joined(view, blobs, "hex")
    if signs.BASE64 in found:
        runs = [_characters(match) for match in _signed(view.text, _BASE64_RUN, _BASE64_SIGN)]
        for phase in (0, 1, 2, 3):
            blobs = [blob for text, places, end in runs if (blob := _from_base64(text, places, end, phase))]
            if blobs:
                yield joined(view, blobs, "base64")


def _signed(text: str, run: re.Pattern[str], sign: re.Pattern[str]) -> Iterator[re.Match[str]]:
    return (match for match in run.finditer(text) if sign.search(match.group()))


def _is_piece(run: str) -> bool:
    return run.isalnum() and "x" not in run and "X" not in run


def _hexadecimals(match: re.Match[str]) -> tuple[str, Offsets]:
    """The digits of a run without what stands between them, and where each stands."""
    run = match.group()
    if _is_piece(run):
        return run, np.arange(match.start(), match.end(), dtype=np.int32)
    keep = np.ones(len(run), np.bool_)
    for fill in _HEX_FILL.finditer(run):
        keep[fill.start() : fill.end()] = False
    places = np.flatnonzero(keep).astype(np.int32)
    return "".join(np.array(list(run))[keep]), places + np.int32(match.start())


def _from_hex(digits: str, places: Offsets, phase: int) -> Blob | None:
    count = (len(digits) - phase) // 2
    if count < 8:
        return None
    text = bytes.fromhex(digits[phase : phase + 2 * count]).decode("latin-1")
    used = places[phase : phase + 2 * count]
    return text, used[0::2], used[1::2]


def _characters(match: re.Match[str]) -> tuple[str, Offsets, int]:
    """The characters of a run without line breaks and padding, where each stands, and where the padding ends."""
    run = match.group()
    text = run.translate(_URL_SAFE)
    if "\n" not in run:
        return text, np.arange(match.start(), match.start() + len(text), dtype=np.int32), match.end()
    kept = [place for place, character in enumerate(run, match.start()) if character not in "\r\n="]
    return text, np.array(kept, np.int32), match.end()


def _from_base64(text: str, places: Offsets, end: int, phase: int) -> Blob | None:
    piece = text[phase:]
    if len(piece) % 4 == 1:
        piece = piece[:-1]
    if len(piece) < 11:
        return None
    data = binascii.a2b_base64(piece + "=" * (-len(piece) % 4))
    at = np.arange(len(data), dtype=np.int32) * 8
    first: npt.NDArray[np.int32] = places[phase + at // 6]
    last: npt.NDArray[np.int32] = places[phase + (at + 7) // 6].copy()
    if phase + len(piece) == len(text):
        last[-1] = end - 1  # the padding belongs to the last byte
    return data.decode("latin-1"), first, last
