"""Telephone numbers: E.164 with its plus sign, a national number as its country writes it, or a context word.

The numbering plans of Brazil, Argentina, Mexico, Chile, Colombia, Uruguay and Peru give the lengths of their numbers;
for other countries E.164's limits hold.
"""

from __future__ import annotations

import re

from guardrails.redaction.recognizer import LIKELY, NEAR, Form, Number, Recognizer, digits

_NATIONAL_DIGITS = {
    "55": (10, 11), "54": (10, 11, 13), "52": (10, 11), "56": (8, 9), "57": (8, 10), "598": (7, 8), "51": (8, 9),
}  # fmt: skip
"""Digits after the country's code: Argentina writes a mobile's 9 or 15, Mexico wrote a 1."""

_TRUNK = re.compile(r"\(0\)")


def _has_a_length(text: str) -> bool:
    number = digits(text)
    return 8 <= len(number) <= 15 and len(set(number)) > 2


def _international(text: str) -> bool:
    number = digits(_TRUNK.sub("", text)).removeprefix("00")
    if not 9 <= len(number) <= 15 or len(set(number)) <= 2:
        return False
    for code, lengths in _NATIONAL_DIGITS.items():
        if number.startswith(code):
            return len(number) - len(code) in lengths
    return len(number) >= 10


def _bare(text: str) -> str:
    return digits(_TRUNK.sub("", text)).removeprefix("00")


_GROUPS = r"[ .-]?\(?\d{1,4}\)?(?:[ .-]{0,2}\d{1,5}){1,5}"

RECOGNIZER = Recognizer(
    entity="PHONE",
    forms=(
        Form(rf"\+[ ]?[1-9]\d{{0,2}}{_GROUPS}", validate=_international),
        Form(rf"\b00[ ]?(?:55|54|52|56|57|598|51){_GROUPS}", validate=_international, score=LIKELY),
        Form(r"\(0?\d{2,4}\)[ ]?(?:9[ ]?|15[ -]?)?\d{3,5}[ -]?\d{4}", score=LIKELY),
        Form(r"(?:55[ ]?)?\d{2}[ ]9\d{4}-\d{4}", score=LIKELY),  # Brazil, mobile
        Form(r"(?:54[ ]?9?[ ]?)?\d{2,4}[ ]15[ -]\d{3,4}-\d{4}", score=LIKELY),  # Argentina, mobile
        Form(r"\d{1,5}(?:[ .-]\d{1,5}){1,6}", needs_context=True, score=NEAR),
    ),
    numbers=(Number((8, 9, 10, 11, 12, 13, 14, 15), needs_context=True, score=NEAR),),
    example="call +55 11 98765-4321",
    validate=_has_a_length,
    validator="numbering plan",
    context=(
        "phone", "tel", "telefone", "teléfono", "telefono", "celular", "cel", "móvil", "movil", "fone", "mobile",
        "whatsapp", "wa.me", "msisdn", "sms", "fax", "fijo", "ligue", "llame", "pix",
    ),
    normalise=_bare,
)  # fmt: skip
