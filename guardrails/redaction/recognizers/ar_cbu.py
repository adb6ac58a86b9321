"""CBU and CVU, the Argentine keys of bank accounts and wallets: 22 digits with a check digit in each of their two
blocks (BCRA). A CVU is a CBU whose first block begins with 000."""

from __future__ import annotations

from stdnum.ar import cbu

from guardrails.redaction.recognizer import SEPARATOR, Form, Number, Recognizer, digits


def _valid(text: str) -> bool:
    number = digits(text)
    return len(set(number)) > 1 and cbu.is_valid(number)


RECOGNIZER = Recognizer(
    entity="CBU",
    forms=(
        Form(rf"\d{{8}}{SEPARATOR}\d{{14}}"),
        Form(rf"\d{{3}}{SEPARATOR}\d{{4}}{SEPARATOR}\d{SEPARATOR}\d{{13}}{SEPARATOR}\d"),
    ),
    numbers=(Number((22,)),),
    example="cbu 2850590940090418135201",
    validate=_valid,
    validator="stdnum.ar.cbu",
    normalise=digits,
)
