"""Payment card numbers: 12 to 19 digits that satisfy Luhn (ISO/IEC 7812-1).

One in ten random numbers satisfies Luhn, and milliseconds since 1970 have thirteen digits: a number in one run counts
only if its first digits and its length are those of a scheme that issues cards, or a context word is near.
"""

from __future__ import annotations

from stdnum import luhn

from guardrails.redaction.recognizer import COUNTERS, SEPARATOR, Form, Number, Recognizer, digits


def _luhn(text: str) -> bool:
    number = digits(text)
    return 12 <= len(number) <= 19 and len(set(number)) > 1 and luhn.is_valid(number)


def _of_a_scheme(text: str) -> bool:
    number = digits(text)
    head, length = int(number[:4]), len(number)
    issued = (
        (number[0] == "4" and length in {13, 16, 19})  # Visa
        or (number[0] == "5" and length == 16)  # Mastercard, Elo, Maestro
        or (2221 <= head <= 2720 and length == 16)  # Mastercard
        or (number[:2] in {"34", "37"} and length == 15)  # American Express
        or (number[:2] in {"30", "36", "38", "39"} and length in {14, 16})  # Diners
        or (3528 <= head <= 3589 and length == 16)  # JCB
        or (number[0] == "6" and length in {16, 19})  # Elo, Hipercard, Discover, UnionPay, Maestro
    )
    return issued and _luhn(number)


RECOGNIZER = Recognizer(
    entity="CARD",
    forms=(
        Form(rf"[2-6]\d{{3}}(?:{SEPARATOR}\d{{4}}){{3}}(?:{SEPARATOR}\d{{3}})?", validate=_of_a_scheme),
        Form(rf"3\d{{3}}{SEPARATOR}\d{{6}}{SEPARATOR}\d{{4,5}}", validate=_of_a_scheme),
        Form(rf"\d{{4,9}}{SEPARATOR}\d{{6,10}}", needs_context=True),
    ),
    numbers=(
        Number((13, 14, 15, 16, 19), validate=_of_a_scheme, not_after=COUNTERS),
        Number((12, 13, 14, 15, 16, 17, 18, 19), needs_context=True),
    ),
    example="card 4111 1111 1111 1111",
    validate=_luhn,
    validator="luhn",
    context=(
        "card", "card_number", "cartao", "cartão", "tarjeta", "pan", "credit", "debit", "credito", "crédito", "debito",
        "débito", "visa", "mastercard", "amex", "cabal", "naranja", "elo", "hipercard",
    ),
    normalise=digits,
)  # fmt: skip
