"""API keys of other vendors, by the prefixes they are published with for scanners: Google, Stripe, GitLab, npm, PyPI,
SendGrid, Twilio, Hugging Face, Databricks, Mercado Pago; and our own."""

from __future__ import annotations

from guardrails.redaction.recognizer import SECRET, Form, Recognizer

_PREFIXED = (
    r"AIza[0-9A-Za-z_-]{35}",
    r"(?:sk|rk|pk|whsec)_(?:live_|test_)?[0-9A-Za-z]{16,}",
    r"glpat-[0-9A-Za-z_-]{20,}",
    r"npm_[0-9A-Za-z]{36}",
    r"pypi-[0-9A-Za-z_-]{40,}",
    r"SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{32,}",
    r"SK[0-9a-f]{32}",
    r"hf_[0-9A-Za-z]{30,}",
    r"dapi[0-9a-f]{32}",
    r"(?:APP_USR|TEST)-[0-9]{10,}-[0-9]{6}-[0-9a-f]{32}-[0-9]+",
    r"vigia_[0-9A-Za-z.-]+_[0-9A-Za-z_-]{43}",
)

RECOGNIZER = Recognizer(
    entity="API_KEY",
    forms=tuple(Form(rf"\b{pattern}", isolated=False) for pattern in _PREFIXED),
    example="AIza" + "a1B2c3D4e" * 4,
    secret=True,
    family=SECRET,
)
