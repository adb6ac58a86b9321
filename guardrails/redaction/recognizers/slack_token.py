"""Slack tokens (bot, user, app, refresh, configuration) and incoming webhook addresses."""

from __future__ import annotations

from guardrails.redaction.recognizer import SECRET, Form, Recognizer

RECOGNIZER = Recognizer(
    entity="SLACK_TOKEN",
    forms=(
        Form(r"\bx(?:ox[a-z]|app)(?:\.xox[a-z])?-[A-Za-z0-9-]{8,}", isolated=False),
        Form(r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/_-]{8,})", isolated=False),
    ),
    example="xoxb-1234567890-abcdefghij",
    secret=True,
    family=SECRET,
)
