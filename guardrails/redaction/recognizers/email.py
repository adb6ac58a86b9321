"""E-mail addresses (the common part of RFC 5322)."""

from __future__ import annotations

from guardrails.redaction.recognizer import Form, Recognizer

RECOGNIZER = Recognizer(
    entity="EMAIL",
    forms=(Form(r"[\pL\pN._%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)*\.[\pL]{2,}", isolated=False),),
    example="mail ana@example.com",
    normalise=lambda text: text.strip().lower(),
)
