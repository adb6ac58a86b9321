"""GitHub tokens: classic, fine-grained, app, refresh."""

from __future__ import annotations

from guardrails.redaction.recognizer import SECRET, Form, Recognizer

RECOGNIZER = Recognizer(
    entity="GITHUB_TOKEN",
    forms=(Form(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})", isolated=False),),
    example="ghp_" + "a1B2c3D4e5" * 4,
    secret=True,
    family=SECRET,
)
