"""The ASCII character that a character of another script or width stands for, to somebody who reads it."""

from __future__ import annotations

import unicodedata

import numpy as np
import numpy.typing as npt

from guardrails.redaction.views import View, picked

_GONE, _OTHER = 255, 1
"""What a character of no width becomes; what stands for any character that is no ASCII character in disguise."""

_LOOK_ALIKES = {
    "A": "АΑ", "B": "ВΒ", "C": "С", "E": "ЕΕ", "S": "Ѕ", "I": "ІΙ", "J": "Ј", "K": "КΚ", "M": "МΜ", "H": "НΗ",
    "N": "Ν", "O": "ОΟ", "P": "РΡ", "T": "ТΤ", "X": "ХΧ", "Y": "УΥ", "Z": "Ζ", "L": "ʟ", "3": "З", "a": "а", "e": "е",
    "s": "ѕ", "i": "іı", "j": "ј", "o": "оο", "p": "р", "c": "сϲ", "y": "у", "x": "х", "d": "ԁ", "q": "ԛ", "w": "ԝ",
    "h": "һ", "g": "ɡ", "v": "ν", "f": "ſ", ".": "․‧·•∙⋅。．｡﹒", ",": "‚،", "/": "⁄∕⧸", "\\": "﹨∖", "-": "−⁃˗➖ー╌",
}  # fmt: skip
"""Letters and signs of other scripts that look like Latin ones (a part of Unicode's confusables, UTS 39)."""

_MEANT = {other: meant for meant, others in _LOOK_ALIKES.items() for other in others}

_table: npt.NDArray[np.uint8] = np.zeros(0, np.uint8)


def folded(view: View) -> View | None:
    """`view` in ASCII: digits of every script, full-width forms, look-alikes; without characters of no width, marks and
    control characters. None when it is in plain ASCII already."""
    text = view.text
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    table = _filled(points)
    out = table[points]
    if np.array_equal(out, points):
        return None
    # A letter of another script is no letter that would glue a number to a word: `é52998224725`.
    foreign = (points > 127) & (((out | 32) >= ord("a")) & ((out | 32) <= ord("z")))
    if foreign.any():
        is_digit = (out >= ord("0")) & (out <= ord("9"))
        touches = np.zeros(len(out), np.bool_)
        touches[:-1] |= is_digit[1:]
        touches[1:] |= is_digit[:-1]
        out = np.where(foreign & touches & ~_compatible(points), _OTHER, out).astype(np.uint8)
    keep = out != _GONE
    return picked(view, out[keep].tobytes().decode("ascii"), keep, "writing")


def _compatible(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Full-width and mathematical letters, which are Latin letters in another dress."""
    return ((points >= 0xFF21) & (points <= 0xFF5A)) | ((points >= 0x1D400) & (points <= 0x1D7CB))


def _filled(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    """The table of all code points (a megabyte), with those of `points` filled in."""
    global _table  # noqa: PLW0603 a cache: filling it twice from two threads gives the same entries
    table = _table
    if not len(table):
        table = np.zeros(0x110000, np.uint8)
        table[:128] = [_ascii(point) for point in range(128)]
        _table = table
    unknown = points[table[points] == 0]
    for point in set(unknown.tolist()):
        table[point] = _meaning(chr(point))
    return table


def _ascii(point: int) -> int:
    if point in (0x09, 0x0A, 0x0D) or 0x20 <= point <= 0x7E:
        return point
    return _GONE


def _meaning(character: str) -> int:
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return ord("0") + digit
    if character in _MEANT:
        return ord(_MEANT[character])
    category = unicodedata.category(character)
    if category == "Pd":
        return ord("-")
    if category in ("Zs", "Zl", "Zp") or character in "⠀ㅤﾠᅟᅠ":
        return ord("\n") if category in ("Zl", "Zp") else ord(" ")
    if category in ("Cf", "Mn", "Me", "Cc", "Cs", "Cn") or character == "\u034f":
        return _GONE
    plain = unicodedata.normalize("NFKD", character)
    first = "".join(part for part in plain if not unicodedata.combining(part))[:1]
    return ord(first) if first.isascii() and first.isprintable() and first else _OTHER
