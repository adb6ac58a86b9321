"""Hexadecimal and base64: the runs of a text that may encode text, decoded."""

from __future__ import annotations

import binascii
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import re2

from guardrails.redaction import signs
from guardrails.redaction.automata import of_bytes, options
from guardrails.redaction.views import GAP, Offsets, View, joined

Sign = tuple[re.Pattern[str], re2._Regexp]  # pyright: ignore[reportPrivateUsage] the module exports no public name
_LONG = 200

_HEX_SIGN: Sign = (re.compile(signs.PATTERNS[signs.HEX]), re2.compile(signs.PATTERNS[signs.HEX], options()))
_PAIR = "(?:0[xX])?[0-9A-Fa-f]{2}"
_HEX_PAIRS = re.compile(rf"(?<![0-9A-Fa-f]){_PAIR}(?:[ :,-]{{1,2}}{_PAIR}){{7,}}+")
_HEX_PIECE = re.compile(r"[0-9A-Fa-f]{16,}+")
_HEX_FILL = re.compile(r"0[xX]|[^0-9A-Fa-f]")

_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{11,}+(?:\r?\n[A-Za-z0-9+/_-]++)*+={0,2}")
_SIGN_LENGTH = 11
_WIDE = re2.compile(signs.WIDE, options())
_PHASES = (0, 1, 2, 3)
_PADDING = ("", "", "==", "=")
_URL_SAFE = str.maketrans("-_", "+/", "=\r\n")

_TEXT = re.compile(rb"(?:[\t\n\r -~\x00]|[\xc2-\xf4][\x80-\xbf]{1,3}){7,}+")
"""What may be text in decoded bytes. Read in the wrong alignment, as three of four times, there is next to none."""
_LONG_TEXT = re2.compile(_TEXT.pattern.rstrip(b"+"), of_bytes())

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
        yield from _decoded_base64(view)


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
        for text in _texts_in(data):
            start, end = text.span()
            yield text.group().decode("latin-1"), used[0::2][start:end], used[1::2][start:end]


def _decoded_base64(view: View) -> Iterator[View]:
    data = view.text.encode()
    places, wide = _signs_of_base64(data), bool(_WIDE.search(data))
    pieces: list[list[_Piece]] = [[] for _ in _PHASES]
    broken: list[_BrokenRun] = []
    for match in _BASE64_RUN.finditer(view.text):
        start, end = match.span()
        here = places[bisect_left(places, start) : bisect_right(places, end - _SIGN_LENGTH)]
        if not here and not wide:
            continue
        run = match.group()
        if "\n" in run:
            broken.append(_broken_run(match))
            continue
        text = run.translate(_URL_SAFE)
        for phase in _PHASES if wide or end - start >= _LONG else {(place - start) % 4 for place in here}:
            _read(text, phase, start, end, pieces[phase])
    for phase in _PHASES:
        if pieces[phase]:
            yield _put_together(view, pieces[phase])
        blobs = [blob for run in broken for blob in _from_base64(*run, phase)]
        if blobs:
            yield joined(view, blobs, "base64")


def _signs_of_base64(data: bytes) -> list[int]:
    """Where in `data`, which is in ASCII, `signs.QUARTET` stands three times in a row. All at once: asking each of a
    thousand runs costs more than reading it."""
    kinds = _KINDS[np.frombuffer(data, np.uint8)]
    if len(kinds) < _SIGN_LENGTH:
        return []
    first, second, third, other = ((kinds & bit) != 0 for bit in (1, 2, 4, 8))
    triple = first[:-2] & second[1:-1] & third[2:]
    signed = triple[:-8] & other[3:-7] & triple[4:-4] & other[7:-3] & triple[8:]
    return np.flatnonzero(signed).tolist()


def _kinds() -> npt.NDArray[np.uint8]:
    """For each byte, in which of the places of a quartet it may stand: a bit for each."""
    kinds = np.zeros(256, np.uint8)
    for bit, pattern in ((1, signs.FIRST), (2, signs.SECOND), (4, signs.THIRD), (8, "[A-Za-z0-9+/_-]")):
        allowed = re.compile(pattern)
        kinds[[byte for byte in range(128) if allowed.match(chr(byte))]] |= bit
    return kinds


_KINDS = _kinds()


_Piece = tuple[str, int, int, int]
"""Text among the bytes of a run that is read from a character of the view on, and that is the second; the third: the
byte with which the text begins. The last: the last character of the padding, where the text ends with it, or -1."""


def _read(text: str, phase: int, start: int, end: int, pieces: list[_Piece]) -> None:
    """Add what stands in the alignment `phase` of a run without padding, which begins at `start` and ends before `end`
    with it."""
    data, whole = _bytes_of(text, phase)
    for found in _texts_in(data):
        at, to = found.span()
        pieces.append(
            (found.group().decode("latin-1"), start + phase, at, end - 1 if whole and to == len(data) else -1)
        )


def _put_together(view: View, pieces: Sequence[_Piece]) -> View:
    """As `joined`, for thousands of short pieces at once."""
    texts, *numbers = zip(*pieces, strict=True)
    starts_at, bytes_at, padding = np.array(numbers, np.int32)
    counts = np.fromiter(map(len, texts), np.int32, len(texts)) + np.int32(1)  # each with a gap
    ends = np.cumsum(counts, dtype=np.int32)
    bits = (np.arange(ends[-1], dtype=np.int32) + np.repeat(bytes_at - ends + counts, counts)) * 8
    base = np.repeat(starts_at, counts)
    first, last = base + bits // 6, base + (bits + 7) // 6
    first[ends - 1] = last[ends - 1] = starts_at  # of a gap nothing is told
    padded = padding >= 0
    last[ends[padded] - 2] = padding[padded]
    return View(GAP.join([*texts, ""]), view.starts[first], view.ends[last], view.named("base64"))


_BrokenRun = tuple[str, Offsets, int]


def _broken_run(match: re.Match[str]) -> _BrokenRun:
    """The characters of a run of several lines, where each stands, and where the padding ends."""
    run = match.group()
    kept = [place for place, character in enumerate(run, match.start()) if character not in "\r\n="]
    return run.translate(_URL_SAFE), np.array(kept, np.int32), match.end()


def _from_base64(text: str, places: Offsets, end: int, phase: int) -> Iterator[Blob]:
    data, whole = _bytes_of(text, phase)
    first_bits, last_bits = _bits(len(data))
    for found in _texts_in(data):
        at = slice(*found.span())
        last: npt.NDArray[np.int32] = places[last_bits[at] + phase]
        if found.end() == len(data) and whole:
            last[-1] = end - 1  # the padding belongs to the last byte
        yield found.group().decode("latin-1"), places[first_bits[at] + phase], last


def _bytes_of(text: str, phase: int) -> tuple[bytes, bool]:
    """What `text` says from the character `phase` on, and whether its last character says something."""
    piece = text[phase:] if phase else text
    rest = len(piece) % 4
    if rest == 1:
        piece = piece[:-1]
    if len(piece) < _SIGN_LENGTH:
        return b"", False
    return binascii.a2b_base64(piece + _PADDING[rest]), rest != 1


def _texts_in(data: bytes) -> Iterator[Any]:
    """Matches of what may be text: RE2's for long data, as in `_shows`."""
    return _TEXT.finditer(data) if len(data) < _LONG else _LONG_TEXT.finditer(data)
