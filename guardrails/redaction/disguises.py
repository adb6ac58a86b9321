"""Looks behind disguises: other scripts and widths, escapes, groups, spelled-out words, hexadecimal and base64.

A text is brought into plainer and plainer forms, each with the way back to the original; each form that says something
new is scanned. What is found there is replaced where it stands in the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from guardrails.redaction import signs
from guardrails.redaction.blobs import decoded
from guardrails.redaction.escapes import ROUNDS, mended, unescaped
from guardrails.redaction.groups import spaced_numbers, spelled
from guardrails.redaction.known import KnownValues
from guardrails.redaction.look import Look
from guardrails.redaction.recognizer import CERTAIN
from guardrails.redaction.scan import Found, Scanned, Scanner
from guardrails.redaction.views import View
from guardrails.redaction.writing import folded

DEPTH = 3
"""How many encodings (hexadecimal, base64) may stand inside one another."""

_ONLY_GROUPS = frozenset({signs.GROUPS})
"""By far the most frequent: formatted numbers show this sign."""
_NOTHING = Scanned([], frozenset())


class Disguises:
    def __init__(self, scanner: Scanner, known: KnownValues) -> None:
        self._scanner = scanner
        self._known = known

    def found(self, text: str, plain: Scanned, look: Look) -> Iterator[Found]:
        """What stands in `text` in disguise, in characters of `text`. `plain` is what its plain form showed."""
        if plain.signs == _ONLY_GROUPS and text.isascii():
            for one in self._numbers(text, plain.found, look):
                yield Found(one.start, one.end, one.recognizer, one.value, one.score, signs.GROUPS)
            return
        yield from self._behind(View.of(text), plain, look, depth=0)

    def _behind(self, view: View, seen: Scanned, look: Look, depth: int) -> Iterator[Found]:
        first, last = (view, seen) if view.text.isascii() else None, None
        for form in _plainer(view, look):
            seen = self._scan(form, look)
            yield from _in_original(form, seen.found, form.disguise)
            last = (form, seen)
            first = first or last
        # Also in what has not been unescaped: an escape may have begun where none was meant.
        for form in (first, last):
            if form is not None:
                yield from self._in_pieces(*form, look, depth)

    def _in_pieces(self, plain: View, seen: Scanned, look: Look, depth: int) -> Iterator[Found]:
        """What stands in `plain`, which is in ASCII, in groups, spelled out, or encoded."""
        if signs.GROUPS in seen.signs:
            yield from _in_original(plain, self._numbers(plain.text, seen.found, look), plain.named("groups"))
        if signs.SPELLED in seen.signs:
            words = spelled(plain)
            if words is not None:
                yield from _in_original(words, self._scan(words, look).found, words.disguise)
        if depth < DEPTH and (signs.HEX in seen.signs or signs.BASE64 in seen.signs):
            for inner in decoded(plain, seen.signs):
                inside = self._scan(inner, look) if inner.text.isascii() else _NOTHING
                yield from _in_original(inner, inside.found, inner.disguise)
                yield from self._behind(inner, inside, look, depth + 1)

    def _scan(self, view: View, look: Look) -> Scanned:
        """What is in `view`, which is in ASCII, so that its characters are its bytes; and the signs it shows."""
        data = view.text.encode()
        scanned = self._scanner.scan(data, look)
        return Scanned([*scanned.found, *self._known.found(data)], scanned.signs)

    def _numbers(self, text: str, known: Sequence[Found], look: Look) -> Iterator[Found]:
        """Numbers in groups in `text`, which is in ASCII, but for those that begin one that is `known` for certain:
        where findings overlap the longer, then the surer, counts, and nothing is surer."""
        certain = {one.start: one.end for one in known if one.score >= CERTAIN}
        data = text.encode()
        for start, end, value in spaced_numbers(text):
            if certain.get(start, 0) < end:
                yield from self._scanner.number(data, start, end, value, look)


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


def _in_original(view: View, found: Iterable[Found], disguise: str) -> Iterator[Found]:
    for one in found:
        start, end = view.span(one.start, one.end)
        yield Found(start, end, one.recognizer, one.value, one.score, disguise)
