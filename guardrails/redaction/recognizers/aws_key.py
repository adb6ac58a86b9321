"""AWS access key ids, and secret access keys next to their name."""

from __future__ import annotations

from guardrails.redaction.recognizer import SECRET, Form, Recognizer

RECOGNIZER = Recognizer(
    entity="AWS_KEY",
    forms=(
        Form(r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b"),
        Form(r"(?i)aws.{0,20}(?:secret|key).{0,20}?[\"'=: ]([A-Za-z0-9/+]{40})", isolated=False),
    ),
    example="AKIAIOSFODNN7EXAMPLE",
    secret=True,
    family=SECRET,
)
