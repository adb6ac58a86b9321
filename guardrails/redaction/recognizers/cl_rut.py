"""RUT/RUN, the Chilean tax id: seven or eight digits and a check character 0-9 or K."""

from __future__ import annotations

from stdnum.cl import rut

from guardrails.redaction.recognizer import CHECKED, GAP, SEPARATOR, Form, Number, Recognizer, alphanumerics


def _valid(text: str) -> bool:
    return rut.is_valid(alphanumerics(text))


RECOGNIZER = Recognizer(
    entity="RUT",
    forms=(
        Form(r"\d{1,2}\.\d{3}\.\d{3}-[0-9kK]", score=CHECKED),
        Form(r"\d{7,8}-[kK]", score=CHECKED),
        Form(rf"\d{{1,2}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{3}}{GAP}[0-9kK]", needs_context=True, score=CHECKED),
        Form(r"\d{7,8}[ -]?[0-9kK]", needs_context=True, score=CHECKED),
    ),
    numbers=(Number((8, 9), needs_context=True, score=CHECKED),),
    example="rut 12.531.909-2",
    validate=_valid,
    validator="stdnum.cl.rut",
    context=("rut", "r.u.t", "tax_id"),
    normalise=alphanumerics,
)
