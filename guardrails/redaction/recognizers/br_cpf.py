"""CPF, the Brazilian tax id of a person: eleven digits, two of them check digits (Receita Federal)."""

from __future__ import annotations

from stdnum.br import cpf

from guardrails.redaction.recognizer import COUNTERS, SEPARATOR, Form, Number, Recognizer, digits, weighed

_WEIGHTS = range(10, 1, -1)


def _valid(text: str) -> bool:
    number = digits(text)
    if len(set(number)) == 1:
        return False  # 111.111.111-11 satisfies the check and was never issued
    return (11 - weighed(number, _WEIGHTS)) % 11 % 10 == int(number[9]) and cpf.is_valid(number)


RECOGNIZER = Recognizer(
    entity="CPF",
    forms=(
        Form(rf"\d{{3}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{2}}"),
        Form(r"\d{9}[-/]\d{2}"),
    ),
    numbers=(Number((11,), not_after=COUNTERS),),
    example="cpf 529.982.247-25",
    validate=_valid,
    validator="stdnum.br.cpf",
    normalise=digits,
)
