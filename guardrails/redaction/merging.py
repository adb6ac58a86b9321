"""From what was found in the forms of a text to spans of the text: in characters, in order, without overlap."""

from __future__ import annotations

from collections.abc import Sequence

from guardrails.redaction.scan import Found


def in_characters(found: Sequence[Found], data: bytes, text: str) -> list[Found]:
    """Spans in bytes of `data`, which is `text` in UTF-8, as spans in characters. One pass, whatever there is."""
    if len(data) == len(text) or not found:
        return list(found)
    marks = sorted({at for one in found for at in (one.start, one.end)})
    places: dict[int, int] = {}
    position = characters = 0
    for mark in marks:
        characters += len(data[position:mark].decode("utf-8", "surrogatepass"))
        position = mark
        places[mark] = characters
    return [one._replace(start=places[one.start], end=places[one.end]) for one in found]


def merged(found: list[Found]) -> list[Found]:
    """Overlapping spans become one that covers them all and is named by the longest, of two of one length by the one
    that is surer: no piece of a value stays."""
    if len(found) < 2:
        return found
    found.sort(key=lambda one: (one.start, -one.end, -one.score))
    merged: list[Found] = []
    best = last = found[0]
    for one in found[1:]:
        if one.start >= last.end:
            merged.append(last)
            best = last = one
            continue
        if one.end - one.start > best.end - best.start:
            best = one
        last = best._replace(start=last.start, end=max(last.end, one.end))
    merged.append(last)
    return merged
