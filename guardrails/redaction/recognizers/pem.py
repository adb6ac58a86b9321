"""Private keys in PEM. One that was cut off before its end is redacted to the end of the text."""

from __future__ import annotations

from guardrails.redaction.recognizer import SECRET, Form, Recognizer

RECOGNIZER = Recognizer(
    entity="PRIVATE_KEY",
    forms=(
        Form(
            r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
            r".*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
            isolated=False,
        ),
    ),
    example="-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    secret=True,
    family=SECRET,
)
