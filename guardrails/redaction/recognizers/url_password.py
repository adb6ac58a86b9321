"""The password in an address: `postgresql://user:password@host/db`, and any other scheme."""

from __future__ import annotations

from guardrails.redaction.recognizer import SECRET, Form, Recognizer


def _is_no_port(text: str) -> bool:
    """`http://host:8080/@path` has a port and a path where a password would be."""
    head, slash, _ = text.partition("/")
    return not (slash and head.isdigit())


RECOGNIZER = Recognizer(
    entity="PASSWORD",
    forms=(Form(r"(?i)[a-z][a-z0-9+.-]*://[^\s:/@\"'<>]*:([^\s@\"'<>]+)@", isolated=False),),
    example="postgresql://vigia:hunter2@db/vigia",
    secret=True,
    validate=_is_no_port,
    family=SECRET,
)
