"""JSON Web Tokens (RFC 7519): three base64url parts, the first of which opens a JSON object."""

from __future__ import annotations

from guardrails.redaction.recognizer import SECRET, Form, Recognizer

RECOGNIZER = Recognizer(
    entity="JWT",
    forms=(Form(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*", isolated=False),),
    example="eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    secret=True,
    family=SECRET,
)
