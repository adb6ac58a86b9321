"""What in a text says that it may hold a disguise. These patterns run in the scanner's automaton, so a text without
any of them pays nothing for the looking behind disguises."""

from __future__ import annotations

WRITING = "writing"
"""Characters of another script or width, of no width, or that only steer a terminal."""

ESCAPES = "escapes"
GROUPS = "groups"
SPELLED = "spelled"
HEX = "hex"
BASE64 = "base64"

SEPARATORS = r" ._/*~-"

# Letters and signs of everyday text in which no digit and no Latin letter can hide: accented Latin letters, quotes,
# ellipsis, bullet, euro, arrows, box drawing, kana, ideographs, Hangul, pictographs.
_EVERYDAY = (
    r"\x{C0}-\x{24F}\x{2018}-\x{201F}\x{2022}\x{2026}\x{20AC}\x{2190}-\x{21FF}\x{2500}-\x{257F}\x{3040}-\x{30FF}"
    r"\x{4E00}-\x{9FFF}\x{AC00}-\x{D7A3}\x{1F300}-\x{1F64F}"
)

# A letter, a digit, or one of the signs in identifiers, in hexadecimal: a quarter of all pairs.
HEX_PAIR = "(?:2[0deEfF]|3[0-9aA]|4[0-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])"

# Base64 of eight or more ASCII characters: of each four characters the first three are held to a part of the alphabet
# by the high bits of ASCII (0010 to 0111). Random text and words have it by chance about once in ten thousand.
FIRST, SECOND, THIRD = "[I-Za-f]", "[C-HS-Xi-ny-z0-3]", "[ABEFIJMNQRUVYZcdghklopstwx014589]"
QUARTET = f"{FIRST}{SECOND}{THIRD}"

# Base64 of full-width characters, in each of its three alignments.
WIDE = "(?:77[2y][A-Za-z0-9+/_-]){3}|(?:[g-v][Oeu+-][+-][89]){3}|(?:v[I-LY-b][DHLPTXbfjnrvz37/_]v){3}"


def _in_groups(separator: str) -> str:
    """Three or more groups of digits with the same sign between them: four groups, or three with nine digits or so. (A
    date has eight.) Numbers in two groups have forms of their own."""
    sign, group = rf"[{separator}]{{1,3}}", r"\d{1,14}"
    three = (
        rf"\d{{5,14}}{sign}{group}{sign}\d",
        rf"{group}{sign}\d{{5,14}}{sign}\d",
        rf"{group}{sign}{group}{sign}\d{{5}}",
        rf"\d{{3,14}}{sign}\d{{3,14}}{sign}\d{{3}}",
        rf"{group}(?:{sign}{group}){{{3 if separator != '.' else 4}}}",  # an address has four groups
    )
    return "|".join(three)


PATTERNS: dict[str, str] = {
    WRITING: rf"[^\x09\x0A\x0D\x20-\x7E{_EVERYDAY}]",
    ESCAPES: r"%[0-9A-Fa-f]{2}|%u[0-9A-Fa-f]{4}|\\[^\s]|\\\r?\n|&(?:#[0-9xX]|[A-Za-z]{2,8};)",
    GROUPS: "(?:^|[^0-9A-Za-z])(?:" + "|".join(map(_in_groups, SEPARATORS)) + ")",
    SPELLED: rf"(?:[0-9A-Za-z@][{SEPARATORS}]{{1,3}}){{7,}}",
    HEX: rf"{HEX_PAIR}{{8}}|(?:(?:0x)?{HEX_PAIR}[ :,-]{{1,2}}){{7}}(?:0x)?{HEX_PAIR}",
    BASE64: f"(?:{QUARTET}[A-Za-z0-9+/_-]){{2}}{QUARTET}|{WIDE}",
}
