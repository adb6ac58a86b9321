"""The filter of an aggregation: a condition over the columns of a source, the same in every SQL it is compiled to.

    condition  := comparisons with =, <>, !=, <, <=, >, >=, IN (…), BETWEEN … AND …, LIKE '…', IS [NOT] NULL,
                  combined by AND, OR, NOT and parentheses
    operand    := a column (quoted in "…" where it is no plain word), a number, a 'text', TRUE, FALSE, NULL,
                  and +, -, * of these

Nothing else: a function, a division or a subquery would not mean the same everywhere. Keywords in any case.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from foundation.errors import InvalidInput
from platform_core.catalog.filter_grammar import (
    ColumnOf,
    Expression,
    Literal,
    Operation,
    Token,
    columns_of,
    tokens,
    wrong,
)

_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_CONDITIONS = frozenset({*_COMPARISONS.values(), "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS NULL"})
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}
_MAX_LENGTH = 4_000
_MAX_DEPTH = 50


def parse_filter(text: str) -> Expression:
    """Raises InvalidInput, saying where, for what is no such condition."""
    if len(text) > _MAX_LENGTH:
        raise InvalidInput(f"a filter of {len(text):,} characters is too long", hint=f"at most {_MAX_LENGTH:,}")
    return _Parser(text).whole()


def checked_filter(text: str, columns: Collection[str]) -> Expression:
    """The filter, which reads nothing but `columns`. Raises InvalidInput, naming the column it should not read."""
    expression = parse_filter(text)
    for name in columns_of(expression):
        if name not in columns:
            near = get_close_matches(name, columns, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(columns))}"
            raise InvalidInput(f"the filter {text!r} reads the column {name!r}, which is not there", hint=hint)
    return expression


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._next = 0
        self._depth = 0

    def whole(self) -> Expression:
        expression = self._any()
        if (token := self._peek()) is not None:
            raise self._wrong(f"{token.text!r} was not expected", token.at)
        if not isinstance(expression, ColumnOf) and not _is_condition(expression):
            raise self._wrong("it is a value, not a condition", 0)
        return expression

    def _any(self) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._wrong("it is nested too deeply", self._at())
        operands = [self._all()]
        while self._take("OR"):
            operands.append(self._all())
        self._depth -= 1
        return operands[0] if len(operands) == 1 else Operation("OR", tuple(operands))

    def _all(self) -> Expression:
        operands = [self._negation()]
        while self._take("AND"):
            operands.append(self._negation())
        return operands[0] if len(operands) == 1 else Operation("AND", tuple(operands))

    def _negation(self) -> Expression:
        negations = 0
        while self._take("NOT"):
            negations += 1
        expression = self._comparison()
        return Operation("NOT", (expression,)) if negations % 2 else expression

    def _comparison(self) -> Expression:
        left = self._sum()
        if self._take("IS"):
            negated = self._take("NOT")
            self._expect("NULL")
            return _negated(Operation("IS NULL", (left,)), negated)
        negated = self._take("NOT")
        if self._take("IN"):
            self._expect("(")
            items = [self._sum()]
            while self._take(","):
                items.append(self._sum())
            self._expect(")")
            return _negated(Operation("IN", (left, *items)), negated)
        if self._take("BETWEEN"):
            low = self._sum()
            self._expect("AND")
            return _negated(Operation("BETWEEN", (left, low, self._sum())), negated)
        if self._take("LIKE"):
            return _negated(Operation("LIKE", (left, self._sum())), negated)
        if negated:
            raise self._wrong("after NOT comes IN, BETWEEN or LIKE here", self._at())
        token = self._peek()
        if token is not None and token.text in _COMPARISONS and token.kind == "sign":
            self._next += 1
            return Operation(_COMPARISONS[token.text], (left, self._sum()))
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while (sign := self._take("+") or self._take("-")) is not None:
            left = Operation(sign, (left, self._product()))
        return left

    def _product(self) -> Expression:
        left = self._operand()
        while self._take("*"):
            left = Operation("*", (left, self._operand()))
        return left

    def _operand(self) -> Expression:
        token = self._peek()
        if token is None:
            raise self._wrong("it ends too early", len(self._text))
        self._next += 1
        if token.kind == "word" and self._take("("):
            raise self._wrong(f"functions such as {token.text} are not allowed", token.at)
        if (single := _single(token)) is not None:
            return single
        if token.text == "-":
            return Operation("-", (Literal(0), self._operand()))
        if token.text != "(":
            raise self._wrong(f"{token.text!r} was not expected", token.at)
        inner = self._any()
        self._expect(")")
        return inner

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, text: str) -> str | None:
        token = self._peek()
        if token is None or token.text != text or token.kind not in {"keyword", "sign"}:
            return None
        self._next += 1
        return text

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            raise self._wrong(f"{text!r} was expected", self._at())

    def _at(self) -> int:
        token = self._peek()
        return len(self._text) if token is None else token.at

    def _wrong(self, what: str, at: int) -> InvalidInput:
        return wrong(self._text, what, at)


def _single(token: Token) -> ColumnOf | Literal | None:
    """The column or literal that one token is."""
    match token.kind, token.text:
        case "number", text:
            return Literal(float(text) if any(c in text for c in ".eE") else int(text))
        case "text", text:
            return Literal(text[1:-1].replace("''", "'"))
        case "quoted", text:
            return ColumnOf(text[1:-1].replace('""', '"'))
        case "word", text:
            return ColumnOf(text)
        case "keyword", text if text in _CONSTANTS:
            return Literal(_CONSTANTS[text])
        case _:
            return None


def _negated(expression: Operation, negated: str | None) -> Operation:
    return Operation("NOT", (expression,)) if negated else expression


def _is_condition(expression: Expression) -> bool:
    match expression:
        case Operation(operator):
            return operator in _CONDITIONS
        case Literal(value):
            return isinstance(value, bool)
        case ColumnOf():
            return True
