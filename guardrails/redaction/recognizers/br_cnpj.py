"""CNPJ, the Brazilian tax id of a company: fourteen characters, two check digits; letters from July 2026."""

from __future__ import annotations

from stdnum.br import cnpj

from guardrails.redaction.recognizer import CODE, COUNTERS, SEPARATOR, Form, Number, Recognizer, alphanumerics, weighed

_GROUP = "[0-9A-Za-z]"


_WEIGHTS = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


def _valid(text: str) -> bool:
    number = alphanumerics(text)
    if number.isdecimal() and (11 - weighed(number, _WEIGHTS)) % 11 % 10 != int(number[12]):
        return False
    return cnpj.is_valid(number)


RECOGNIZER = Recognizer(
    entity="CNPJ",
    forms=(
        Form(
            rf"\d{{2}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{4}}{SEPARATOR}\d{{2}}"
            rf"|{_GROUP}{{2}}\.{_GROUP}{{3}}\.{_GROUP}{{3}}/{_GROUP}{{4}}-\d{{2}}"
        ),
        Form(rf"{_GROUP}{{8}}/{_GROUP}{{4}}-\d{{2}}"),
        Form(rf"{_GROUP}{{12}}\d{{2}}", needs_context=True),
    ),
    numbers=(Number((14,), not_after=COUNTERS),),
    example="cnpj 11.222.333/0001-81",
    validate=_valid,
    validator="stdnum.br.cnpj",
    context=("cnpj", "empresa", "loja", "merchant_document"),
    normalise=alphanumerics,
    family=CODE,
)
