"""Escapes: URL-encoding, JSON and shell escapes, HTML entities, terminal colours, torn UTF-8."""

from __future__ import annotations

import html
import re

from guardrails.redaction.views import View, substituted

ROUNDS = 3
"""Escapes of one kind nest without limit (`%25252540`, `\\\\\\\\u0040`, `&amp;amp;#64;`) and cost one round; this many
times one kind may stand inside another."""

_ESCAPE = re.compile(
    r"((?<!\\)\\++(?:u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-3][0-7]{2}|\r?\n|.)"
    r"|%(?:25)*+(?:u[0-9a-fA-F]{4}|[0-9a-fA-F]{2})"
    r"|&(?:amp;)*+(?:\#[xX][0-9a-fA-F]{1,6}|\#[0-9]{1,7}|[A-Za-z]{2,8});?)"
)
_COLOUR = re.compile(r"(\x1b(?:\[[0-?]*+[ -/]*+[@-~]|[@-Z\\-_]))")
_TORN = re.compile(
    "([\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\ud800-\udbff][\udc00-\udfff])"
)
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "b": "", "f": " ", "v": " ", "0": "", "a": "", "e": "", "\n": "", "\r\n": ""}


class _Decoded(dict[str, str]):
    """What each escape says, remembered; bounded, for there are as many as somebody cares to invent."""

    def __missing__(self, escape: str) -> str:
        if len(self) > 4096:
            self.clear()
        decoded = self[escape] = _decode(escape)
        return decoded


_decoded = _Decoded()


def unescaped(view: View) -> View | None:
    """`view` with its escapes decoded once; None when it has none."""
    found = substituted(view, _ESCAPE, _decoded.__getitem__, "escapes")
    if found is None or found.text == view.text:
        return None
    return mended(found) or found


def mended(view: View) -> View | None:
    """`view` without a terminal's colours, and with bytes of UTF-8, and halves of surrogate pairs, that stand as
    characters each, put together."""
    plain = substituted(view, _COLOUR, lambda _: "", "escapes") if "\x1b" in view.text else None
    if (plain or view).text.isascii():
        return plain
    return substituted(plain or view, _TORN, _put_together, "escapes") or plain


def _put_together(torn: str) -> str:
    if torn[0] >= "\ud800":
        return torn.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    try:
        return torn.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return torn


def _decode(escape: str) -> str:
    kind = escape[0]
    if kind == "\\":
        return _backslash(escape.lstrip("\\"))
    if kind == "%":
        return _character(escape.rpartition("u")[2] if "u" in escape else escape[-2:], escape)
    if kind == "&":
        return _entity(escape)
    return escape


def _backslash(what: str) -> str:
    if not what:
        return ""
    if what in _SHORT:
        return _SHORT[what]
    if what[0] in "uUx" and len(what) > 1:
        return _character(what[1:].strip("{}"), what)
    if len(what) == 3 and what.isdigit():
        return chr(int(what, 8))
    return what


def _entity(escape: str) -> str:
    name = re.sub("^&(?:amp;)*", "", escape)
    bare = name.rstrip(";")
    decoded = html.unescape(f"&{bare};")
    return decoded if len(decoded) <= 2 else escape


def _character(hexadecimal: str, escape: str) -> str:
    point = int(hexadecimal, 16)
    return chr(point) if point < 0x110000 else escape
