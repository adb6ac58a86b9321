"""Hexadecimal and base64: the runs of a text that may encode text, decoded."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import re2

from guardrails.redaction import signs
from guardrails.redaction.automata import options
from guardrails.redaction.views import Offsets, View, joined

Sign = tuple[re.Pattern[str], re2._Regexp]  # pyright: ignore[reportPrivateUsage] the module exports no public name
_LONG = 200

_HEX_SIGN: Sign = (re.compile(signs.PATTERNS[signs.HEX]), re2.compile(signs.PATTERNS[signs.HEX], options()))
_PAIR = "(?:0[xX])?[0-9A-Fa-f]{2}"
_HEX_PAIRS = re.compile(rf"(?<![0-9A-Fa-f]){_PAIR}(?:[ :,-]{{1,2}}{_PAIR}){{7,}}+")
_HEX_PIECE = re.compile(r"[0-9A-Fa-f]{16,}+")
_HEX_FILL = re.compile(r"0[xX]|[^0-9A-Fa-f]")

_BASE64_SIGN: Sign = (re.compile(signs.PATTERNS[signs.BASE64]), re2.compile(signs.PATTERNS[signs.BASE64], options()))
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{11,}+(?:\r?\n[A-Za-z0-9+/_-]++)*+={0,2}")
_ANY_SIGN = re.compile(f"(?={signs.PATTERNS[signs.BASE64].replace('/_-', '/')})")
_PHASES = frozenset(range(4))
_URL_SAFE = str.maketrans("-_", "+/", "=\r\n")

_TEXT = re.compile(rb"(?:[\t\n\r -~\x00]|[\xc2-\xf4][\x80-\xbf]{1,3}){7,}+")
"""What may be text in decoded bytes. Read in the wrong alignment, as three of four times, there is next to none."""

Blob = tuple[str, Offsets, Offsets]


_places: list[Offsets] = [np.arange(1 << 15, dtype=np.int32)]


def _between(start: int, end: int) -> Offsets:
    """start <= i < end, as a part of one array: a text may have a thousand runs."""
    known = _places[0]
    if len(known) < end:
        # What this thread made is what it uses: another one may keep a shorter one meanwhile.
        known = _places[0] = np.arange(2 * end, dtype=np.int32)
    return known[start:end]


def _bits(size: int) -> tuple[Offsets, Offsets]:
    """For each of `size` bytes, which characters of base64 hold its first and its last bit."""
    first, last = _bit_places[0]
    if len(first) < size:
        first, last = _bit_places[0] = _bit_places_of(size)
    return first[:size], last[:size]


def _bit_places_of(size: int) -> tuple[Offsets, Offsets]:
    at = np.arange(size, dtype=np.int32) * 8
    return (at // 6).astype(np.int32), ((at + 7) // 6).astype(np.int32)


_bit_places = [_bit_places_of(4096)]


def decoded(view: View, found: frozenset[str]) -> Iterator[View]:
    """What the runs of `view` (in ASCII) say, when they are read in each of their alignments."""
    if signs.HEX in found:
        matches = (*_signed(view.text, _HEX_PAIRS, _HEX_SIGN), *_signed(view.text, _HEX_PIECE, _HEX_SIGN))
        runs = [_hexadecimals(match) for match in matches]
        for phase in (0, 1):
            blobs = [blob for digits, places in runs for blob in _from_hex(digits, places, phase)]
            if blobs:
                yield joined(view, blobs, "hex")
    if signs.BASE64 in found:
        runs = [_characters(match) for match in _signed(view.text, _BASE64_RUN, _BASE64_SIGN)]
        for phase in (0, 1, 2, 3):
            blobs = [
                blob
                for text, places, end, phases in runs
                if phase in phases
                for blob in _from_base64(text, places, end, phase)
            ]
            if blobs:
                yield joined(view, blobs, "base64")


def _signed(text: str, run: re.Pattern[str], sign: Sign) -> Iterator[re.Match[str]]:
    return (match for match in run.finditer(text) if _shows(match.group(), sign))


def _shows(run: str, sign: Sign) -> bool:
    """RE2 for a long run, which it reads faster; `re` for a short one, which it is asked about sooner."""
    short, long = sign
    return bool(short.search(run) if len(run) < _LONG else long.search(run.encode()))


def _is_piece(run: str) -> bool:
    return run.isalnum() and "x" not in run and "X" not in run


def _hexadecimals(match: re.Match[str]) -> tuple[str, Offsets]:
    """The digits of a run without what stands between them, and where each stands."""
    run = match.group()
    if _is_piece(run):
        return run, _between(match.start(), match.end())
    keep = np.ones(len(run), np.bool_)
    for fill in _HEX_FILL.finditer(run):
        keep[fill.start() : fill.end()] = False
    places = np.flatnonzero(keep).astype(np.int32)
    return "".join(np.array(list(run))[keep]), places + np.int32(match.start())


def _from_hex(digits: str, places: Offsets, phase: int) -> Iterator[Blob]:
    count = (len(digits) - phase) // 2
    if count >= 8:
        data = bytes.fromhex(digits[phase : phase + 2 * count])
        used = places[phase : phase + 2 * count]
        for text in _TEXT.finditer(data):
            start, end = text.span()
            yield text.group().decode("latin-1"), used[0::2][start:end], used[1::2][start:end]


def _characters(match: re.Match[str]) -> tuple[str, Offsets, int, frozenset[int]]:
    """The characters of a run without line breaks and padding, where each stands, where the padding ends, and the
    alignments in which it may be text."""
    run = match.group()
    text = run.translate(_URL_SAFE)
    if "\n" not in run:
        places = _between(match.start(), match.start() + len(text))
        phases = frozenset(sign.start() % 4 for sign in _ANY_SIGN.finditer(text)) if len(text) < _LONG else _PHASES
        return text, places, match.end(), phases
    kept = [place for place, character in enumerate(run, match.start()) if character not in "\r\n="]
    return text, np.array(kept, np.int32), match.end(), _PHASES


def _from_base64(text: str, places: Offsets, end: int, phase: int) -> Iterator[Blob]:
    piece = text[phase:]
    if len(piece) % 4 == 1:
        piece = piece[:-1]
    if len(piece) < 11:
        return
    data = binascii.a2b_base64(piece + "=" * (-len(piece) % 4))
    first_bits, last_bits = _bits(len(data))
    for found in _TEXT.finditer(data):
        at = slice(*found.span())
        last: npt.NDArray[np.int32] = places[last_bits[at] + phase]
        if found.end() == len(data) and phase + len(piece) == len(text):
            last[-1] = end - 1  # the padding belongs to the last byte
        yield found.group().decode("latin-1"), places[first_bits[at] + phase], last
