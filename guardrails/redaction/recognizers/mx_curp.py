"""CURP, the Mexican population registry code: 18 characters: date of birth, sex, state, check digit (RENAPO)."""

from __future__ import annotations

from stdnum.mx import curp

from guardrails.redaction.recognizer import CODE, GAP, Form, Recognizer, alphanumerics


def _valid(text: str) -> bool:
    return curp.is_valid(alphanumerics(text))


RECOGNIZER = Recognizer(
    entity="CURP",
    forms=(Form(rf"(?i)[A-Z][AEIOUX][A-Z]{{2}}{GAP}\d{{6}}{GAP}[HMX][A-Z]{{5}}{GAP}[A-Z0-9]\d"),),
    example="curp BOXW310820HNERXN09",
    validate=_valid,
    validator="stdnum.mx.curp",
    normalise=alphanumerics,
    family=CODE,
)
