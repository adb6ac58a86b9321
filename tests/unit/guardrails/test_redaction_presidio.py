"""Presidio's engine around our recognizers: the same findings, further recognizers, and no way to fail open."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import InvalidInput
from guardrails.redaction.engine import Redactor
from guardrails.redaction.errors import RedactionBlocked
from guardrails.redaction.presidio import Further, analyzer_engine
from interfaces.bootstrap.redaction import redactor
from interfaces.settings import Settings
from interfaces.settings.redaction import RedactionSettings

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


CONFIGURED = """
supported_languages: [en]
recognizers:
  - name: staff badge
    supported_language: en
    supported_entity: BADGE
    patterns: [{name: badge, regex: 'badge-\\d+', score: 0.2}]
  - name: code names
    supported_language: en
    supported_entity: PROJECT
    deny_list: [Quetzal, Mandacaru]
"""


def test_recognizers_come_from_a_file_in_presidios_own_format(tmp_path: Path) -> None:
    path = tmp_path / "presidio.yaml"
    path.write_text(CONFIGURED)
    redacted = Redactor(KEY, further=Further.load(path)).redact("badge-77 of Quetzal: ana@example.com")
    assert "badge-77" not in redacted
    assert "Quetzal" not in redacted
    assert redacted.count("<") == 3


def test_the_settings_name_that_file(tmp_path: Path) -> None:
    path = tmp_path / "presidio.yaml"
    path.write_text(CONFIGURED)
    settings = Settings(data_dir=tmp_path, redaction=RedactionSettings(presidio_path=path))
    assert "<BADGE_" in redactor(settings).redact("badge-77")
    assert redactor(settings) is redactor(settings), "one for the process"


MODEL = """
supported_languages: [en]
nlp_configuration:
  nlp_engine_name: spacy
  models: [{{lang_code: en, model_name: {model}}}]
recognizers:
  - {{name: SpacyRecognizer, type: predefined}}
"""


def test_a_model_of_named_entities_comes_from_the_same_file(tmp_path: Path) -> None:
    """A pipeline on the disk, as a trained one would lie there; its entities are rules, so nothing is downloaded."""
    import spacy

    pipeline = spacy.blank("en")
    ruler: Any = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Ana Souza"}])
    pipeline.to_disk(tmp_path / "model")
    path = tmp_path / "presidio.yaml"
    path.write_text(MODEL.format(model=tmp_path / "model"))
    settings = Settings(data_dir=tmp_path, redaction=RedactionSettings(presidio_path=path))
    redacted = redactor(settings).redact("Ana Souza asked from ana@example.com")
    assert re.fullmatch(r"<PERSON_\w+> asked from <EMAIL_\w+>", redacted)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("recognizers: [", "YAML"),
        ("supported_languages: [en]", "names no recognizer"),
        (
            "recognizers: [{name: x, supported_entity: X, patterns: [{name: p, regex: '(', score: 1}]}]",
            "does not accept",
        ),
    ],
)
def test_a_file_that_is_not_right_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "presidio.yaml"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=message):
        Further.load(path)


def test_all_of_it_is_one_recognizer_of_presidios() -> None:
    """For whoever speaks Presidio: the same spans, disguises and scores through its engine."""
    ours = Redactor(KEY)
    engine = analyzer_engine(ours, [further()])
    for text in (*TEXTS, "NTI5Ljk4Mi4yNDctMjU= and ana%40example.com", "badge-12"):
        found = [r for r in engine.analyze(text, language="en") if r.entity_type != "BADGE"]
        assert {(r.entity_type, r.start, r.end, r.score) for r in found} == {
            (s.entity, s.start, s.end, s.score) for s in ours.spans(text)
        }
