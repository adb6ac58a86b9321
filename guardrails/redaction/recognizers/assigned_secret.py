"""Secrets by the name they are assigned to: `password=…`, `"api_key": "…"`, `client_secret: …`, in English, Spanish and
Portuguese."""

from __future__ import annotations

import re

from guardrails.redaction.recognizer import LIKELY, SECRET, Form, Recognizer

_NAMES = (
    r"pass(?:word|wd|phrase)|pwd|senha|contrase(?:ñ|n)a|clave_secreta|secret(?:[_-]?key)?|client[_-]?secret|"
    r"api[_-]?key|apikey|access[_-]?token|auth[_-]?token|refresh[_-]?token|private[_-]?key|signing[_-]?secret"
)
_NOTHING = re.compile(r"(?i)<\w+>|\*+|x{3,}|\$?\{.*|%\(.*|null|none|true|false|required|redacted|\[.*")


def _tells(text: str) -> bool:
    """A secret has digits or signs among its letters, or is long; `password: required` is prose."""
    if _NOTHING.fullmatch(text):
        return False
    return len(text) >= 20 or (len(text) >= 6 and not text.isalpha())


RECOGNIZER = Recognizer(
    entity="SECRET",
    forms=(
        Form(
            rf"(?i)(?:^|[^a-z])(?:{_NAMES})\\*[\"']?\s?(?:=|:|=>)\s?\\*[\"']?([^\s\"'\\,;&<>]{{6,}})",
            isolated=False,
            score=LIKELY,
        ),
    ),
    example="password=hunter2hunter2",
    validate=_tells,
    validator="assignment",
    secret=True,
    family=SECRET,
)
