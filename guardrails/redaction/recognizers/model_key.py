"""API keys of language model providers that use the `sk-` prefix (OpenAI, Anthropic, LiteLLM proxies)."""

from __future__ import annotations

from guardrails.redaction.recognizer import SECRET, Form, Recognizer

RECOGNIZER = Recognizer(
    entity="MODEL_KEY",
    forms=(Form(r"\bsk-[A-Za-z0-9_-]{20,}", isolated=False),),
    example="sk-proj-" + "a1B2c3D4e5" * 4,
    secret=True,
    family=SECRET,
)
