"""Whether the numbers in a sentence occur in the evidence that it cites.

A number holds if some number of the evidence rounds to it at the precision it is written with, as it stands, as a
percentage, or with its k / M suffix. Clock times, dates and versions must occur letter for letter. Digits inside a
name (`p99`, `E3`, `card_00123`) are part of the name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

_TOKEN = re.compile(r"(?<![\w.])[x×]?(\d+(?:[.,:/-]\d+)*)\s?(%|k\b|K\b|M\b|bn\b)?")
_IN_EVIDENCE = re.compile(r"(?<![\w.])[x×]?(\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?)")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2})?|(?<!\d)\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?")
"""Dates and clock times: their parts are no counts of anything."""
_LITERAL = re.compile(r"[:/-]|\..*\.|,.*\..*,|\..*,.*\.")
_SCALE = {"k": 1e3, "K": 1e3, "M": 1e6, "bn": 1e9, "%": 0.01}


def unsupported_numbers(sentence: str, evidence: Iterable[Any]) -> list[str]:
    """The numbers of `sentence` that nothing in `evidence` (JSON values) carries; empty when all are carried."""
    pieces = list(evidence)
    text = json.dumps(pieces, ensure_ascii=False, default=str)
    counted = _MOMENT.sub(" ", text)
    known = [*_leaves(pieces), *(value for token in _IN_EVIDENCE.findall(counted) for value, _ in _readings(token))]
    return [
        match.group(0).strip()
        for match in _TOKEN.finditer(sentence)
        if not _is_carried(match.group(1), match.group(2) or "", text, known)
    ]


def _is_carried(token: str, suffix: str, text: str, known: list[float]) -> bool:
    if _LITERAL.search(token) and not _thousands(token):
        # Whole, not a piece of a longer one: `05:40` of `T05:40:00`, but not `7.0` of `4.7.0` nor `95` of `19500`.
        return re.search(rf"(?<!\d)(?<!\d[.,:/]){re.escape(token)}(?!\d|[.,]\d)", text) is not None
    for value, unit in _readings(token):
        scales = (1.0, _SCALE[suffix]) if suffix else (1.0,)
        for scale in scales:
            half = unit / 2 * scale * (1 + 1e-9)
            if any(math.isclose(candidate, value * scale, rel_tol=0, abs_tol=half) for candidate in known):
                return True
    return False


def _readings(token: str) -> Iterator[tuple[float, float]]:
    """Each way to read a token as (value, unit of its last digit): 1,234.5 and 1.234,5 and 1.234 as both."""
    exponent = re.search(r"[eE][+-]?\d+$", token)
    if exponent:
        yield float(token.replace(",", ".")), 0.0
        return
    for decimal, group in ((".", ","), (",", ".")):
        plain = token.replace(group, "")
        if plain.count(decimal) > 1:
            continue
        whole, _, fraction = plain.partition(decimal)
        if whole.isdigit() and (not fraction or fraction.isdigit()):
            yield float(f"{whole}.{fraction or 0}"), 10.0 ** -len(fraction)


def _thousands(token: str) -> bool:
    return bool(re.fullmatch(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*(?:[.,]\d+)?", token))


def _leaves(value: Any) -> Iterator[float]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield abs(float(value))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
