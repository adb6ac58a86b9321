"""Presidio's engine around our recognizers: the same findings, further recognizers, and no way to fail open."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.redaction.engine import Redactor
from guardrails.redaction.errors import RedactionBlocked
from guardrails.redaction.presidio import Further

KEY = b"a key for tests, 32 bytes long.."
TEXTS = [
    "cpf 529.982.247-25, ana@example.com, 203.0.113.7",
    "São Paulo: pan 4111 1111 1111 1111; cuit 20-05536168-2",
    "nothing of interest at 2026-11-19T05:51:00+00:00",
]


def further(**settings: Any) -> Any:
    from presidio_analyzer import Pattern, PatternRecognizer

    return PatternRecognizer(supported_entity="BADGE", **settings, patterns=[Pattern("badge", r"badge-\d+", 0.3)])


def test_finds_what_the_fast_path_finds() -> None:
    fast, slow = Redactor(KEY), Redactor(KEY, further=Further([further()]))
    for text in TEXTS:
        assert slow.spans(text) == fast.spans(text)
        assert slow.redact(text) == fast.redact(text)


def test_further_recognizers_are_heard_whatever_their_score() -> None:
    redacted = Redactor(KEY, further=Further([further()])).redact("é badge-77 of ana@example.com")
    assert "badge-77" not in redacted
    assert "<BADGE_" in redacted
    assert "<EMAIL_" in redacted


def test_field_names_are_context_here_too() -> None:
    redactor = Redactor(KEY, further=Further([further()]))
    assert str(redactor.redact_value({"cuit": 20055361682})["cuit"]).startswith("<CUIT_")


def test_a_recognizer_that_times_out_blocks_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from presidio_analyzer import Pattern, PatternRecognizer, pattern_recognizer

    redactor = Redactor(
        KEY,
        further=Further([PatternRecognizer(supported_entity="SLOW", patterns=[Pattern("slow", r"(a|aa)+$", 1.0)])]),
    )
    monkeypatch.setattr(pattern_recognizer, "REGEX_TIMEOUT_SECONDS", 0.05)
    with pytest.raises(RedactionBlocked, match="time limit"):
        redactor.redact("a" * 5000 + "b")


def test_a_recognizer_that_raises_blocks_the_text() -> None:
    from presidio_analyzer import EntityRecognizer

    class Broken(EntityRecognizer):
        def load(self) -> None: ...

        def analyze(self, text: str, entities: list[str], nlp_artifacts: object = None) -> list[Any]:
            raise KeyError(text)

    with pytest.raises(RedactionBlocked) as raised:
        Redactor(KEY, further=Further([Broken(supported_entities=["X"])])).redact("ana@example.com")
    assert "ana" not in str(raised.value)
