"""CURP, the Mexican population registry code: 18 characters: date of birth, sex, state, check digit (RENAPO)."""

from __future__ import annotations

from stdnum.mx import curp

from guardrails.redaction.recognizer import Form, Recognizer, alphanumerics

RECOGNIZER = Recognizer(
    entity="CURP",
    forms=(Form(r"(?i)[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d"),),
    example="curp BOXW310820HNERXN09",
    validate=curp.is_valid,
    normalise=alphanumerics,
)
