"""Looks behind disguises: other scripts and widths, escapes, groups, spelled-out words, hexadecimal and base64.

A text is brought into plainer and plainer forms, each with the way back to the original; each form that says something
new is scanned. What is found there is replaced where it stands in the original.
"""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.redaction import signs
from guardrails.redaction.blobs import decoded
from guardrails.redaction.escapes import ROUNDS, mended, unescaped
from guardrails.redaction.groups import spaced_numbers, spelled
from guardrails.redaction.known import KnownValues
from guardrails.redaction.scan import Found, Look, Scanner
from guardrails.redaction.views import View
from guardrails.redaction.writing import folded

DEPTH = 3
"""How many encodings (hexadecimal, base64) may stand inside one another."""

_ONLY_GROUPS = frozenset({signs.GROUPS})
"""By far the most frequent: formatted numbers show this sign."""


class Disguises:
    def __init__(self, scanner: Scanner, known: KnownValues) -> None:
        self._scanner = scanner
        self._known = known

    def found(self, text: str, seen: frozenset[str], look: Look) -> Iterator[Found]:
        """What stands in `text` in disguise, in characters of `text`. `seen` are the signs of its plain form."""
        if seen == _ONLY_GROUPS and text.isascii():
            data = text.encode()
            for start, end, value in spaced_numbers(text):
                for one in self._scanner.number(data, start, end, value, look):
                    yield one._replace(disguise=signs.GROUPS)
            return
        yield from self._behind(View.of(text), seen, look, depth=0)

    def _behind(self, view: View, seen: frozenset[str], look: Look, depth: int) -> Iterator[Found]:
        first, last = (view, seen) if view.text.isascii() else None, None
        for form in _plainer(view, look):
            found, seen = self._scan(form, look)
            yield from found
            last = (form, seen)
            first = first or last
        # Also in what has not been unescaped: an escape may have begun where none was meant.
        for form in (first, last):
            if form is not None:
                yield from self._in_pieces(*form, look, depth)

    def _in_pieces(self, plain: View, seen: frozenset[str], look: Look, depth: int) -> Iterator[Found]:
        """What stands in `plain`, which is in ASCII, in groups, spelled out, or encoded."""
        if signs.GROUPS in seen:
            yield from self._in_groups(plain, look)
        if signs.SPELLED in seen:
            words = spelled(plain)
            if words is not None:
                yield from self._scan(words, look)[0]
        if depth < DEPTH and (signs.HEX in seen or signs.BASE64 in seen):
            for inner in decoded(plain, seen):
                found, signs_inside = self._scan(inner, look) if inner.text.isascii() else ([], frozenset[str]())
                yield from found
                yield from self._behind(inner, signs_inside, look, depth + 1)

    def _scan(self, view: View, look: Look) -> tuple[list[Found], frozenset[str]]:
        """What is in `view`, which is in ASCII, so that its characters are its bytes; and the signs it shows."""
        data = view.text.encode()
        scanned = self._scanner.scan(data, look)
        found = [*scanned.found, *self._known.found(data)]
        return [_in_original(view, one, view.disguise) for one in found], scanned.signs

    def _in_groups(self, view: View, look: Look) -> Iterator[Found]:
        data = view.text.encode()
        for start, end, value in spaced_numbers(view.text):
            for one in self._scanner.number(data, start, end, value, look):
                yield _in_original(view, one, view.named("groups"))


def _plainer(view: View, look: Look) -> Iterator[View]:
    """`view` in plainer forms, each in ASCII, the plainest last; nothing when it is as plain as can be."""
    current = view
    for number in range(ROUNDS + 1):
        look.budget.spend(len(current.text))
        changed = unescaped(current) if number else mended(current)
        if number and changed is None:
            return
        plain = folded(changed or current)
        if plain is None and changed is None:
            continue
        current = plain or changed or current
        yield current


def _in_original(view: View, found: Found, disguise: str) -> Found:
    start, end = view.span(found.start, found.end)
    return found._replace(start=start, end=end, disguise=disguise)
