"""What a filter is made of: its words, and the expression they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from foundation.errors import InvalidInput


@dataclass(frozen=True)
class ColumnOf:
    name: str


@dataclass(frozen=True)
class Literal:
    value: str | int | float | bool | None


@dataclass(frozen=True)
class Operation:
    """`operator` between (or before) operands: an SQL word or sign that all dialects share.

    `IN`: the first operand among the others; `BETWEEN`: the first between the second and the third.
    """

    operator: str
    operands: tuple[Expression, ...]


Expression = ColumnOf | Literal | Operation

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")+")
    |(?P<word>[A-Za-z_]\w*)|(?P<sign><>|!=|<=|>=|[=<>()+\-*,]))""",
    re.VERBOSE,
)
_KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "IS", "NULL", "BETWEEN", "LIKE", "TRUE", "FALSE"})


def columns_of(expression: Expression) -> Iterator[str]:
    match expression:
        case ColumnOf(name):
            yield name
        case Operation(_, operands):
            for operand in operands:
                yield from columns_of(operand)
        case Literal():
            pass


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    at: int


def tokens(text: str) -> Iterator[Token]:
    """Raises InvalidInput where there is none."""
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise wrong(text, "it cannot be read on", len(text) - len(text[at:].lstrip()))
        kind = str(found.lastgroup)
        word = found[kind]
        keyword = kind == "word" and word.upper() in _KEYWORDS
        yield Token("keyword" if keyword else kind, word.upper() if keyword else word, found.start(kind))
        at = found.end()


def wrong(text: str, what: str, at: int) -> InvalidInput:
    return InvalidInput(f"the filter {text!r} is no condition: at character {at + 1}, {what}")
