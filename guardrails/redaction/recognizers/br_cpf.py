"""CPF, the Brazilian tax id of a person: eleven digits, two of them check digits (Receita Federal)."""

from __future__ import annotations

from guardrails.redaction.recognizer import COUNTERS, SEPARATOR, Form, Number, Recognizer, digits, weighed

_FIRST, _SECOND = tuple(range(10, 1, -1)), tuple(range(11, 1, -1))


def _valid(text: str) -> bool:
    """As `stdnum.br.cpf`, which a test holds it to, in a third of the time: of what a payments company logs, runs of
    eleven digits are the most frequent candidate."""
    number = digits(text)
    first, second = (11 - weighed(number, _FIRST)) % 11 % 10, (11 - weighed(number, _SECOND)) % 11 % 10
    # 111.111.111-11 satisfies the check and was never issued.
    return f"{first}{second}" == number[9:] and len(set(number)) > 1


RECOGNIZER = Recognizer(
    entity="CPF",
    forms=(
        Form(rf"\d{{3}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{2}}"),
        Form(r"\d{9}[-/]\d{2}"),
    ),
    numbers=(Number((11,), not_after=COUNTERS),),
    example="cpf 529.982.247-25",
    validate=_valid,
    validator="check digits (stdnum.br.cpf)",
    normalise=digits,
)
