"""Our recognizers inside Presidio's AnalyzerEngine, next to any other Presidio recognizer.

Presidio runs on its `no_op` language engine unless another is configured: no model to download, no tokenizer that hangs
on pathological input. Presidio itself fails open on two occasions, and both are closed here: a pattern that runs into
its time limit is logged and skipped (the log record is turned into RedactionBlocked), and low scores are dropped (the
threshold is 0).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("REGEX_TIMEOUT_SECONDS", "2")  # read by presidio at import; its default is a minute

import yaml
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine, NlpEngineProvider, NoOpNlpEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistry, RecognizerRegistryProvider

from foundation.errors import InvalidInput
from guardrails.redaction.engine import RedactionSpan, Redactor
from guardrails.redaction.errors import RedactionBlocked
from guardrails.redaction.recognizer import Recognizer
from guardrails.redaction.scan import Found

LANGUAGE = "en"


class ScanRecognizer(EntityRecognizer):
    """All recognizers of a redactor as one of Presidio's: the same single scan, the same validators and disguises."""

    def __init__(self, redactor: Redactor, *, language: str = LANGUAGE) -> None:
        self._redactor = redactor
        super().__init__(supported_entities=redactor.entities, name="vigia", supported_language=language)

    def load(self) -> None:
        """Nothing to load: the scanner is compiled."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """What the scan finds. Raises RedactionBlocked."""
        return [_result(span) for span in self._redactor.spans(text) if span.entity in entities]


class Further:
    """Recognizers of Presidio, and what makes its engine, that run after our own scan on every text."""

    def __init__(
        self, recognizers: Sequence[EntityRecognizer], *, nlp: NlpEngine | None = None, language: str = LANGUAGE
    ) -> None:
        logging.getLogger("presidio-analyzer").addFilter(_refuse_time_out)
        self._language = language
        self._engine = _engine(recognizers, nlp, language)
        self._named: dict[str, Recognizer] = {}

    @classmethod
    def load(cls, path: Path) -> Further:
        """From a YAML file in Presidio's own format: `recognizers` (as in its recognizer registry files: patterns, deny
        lists, predefined ones) and, for a model of named entities, `nlp_configuration` (`nlp_engine_name: spacy`,
        `models: …`). Raises InvalidInput for what Presidio does not accept."""
        try:
            document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InvalidInput(f"{str(path)!r} cannot be read as YAML: {error}") from error
        if not isinstance(document, dict) or not document.get("recognizers"):
            raise InvalidInput(f"{str(path)!r} names no recognizer", hint="it needs a list under 'recognizers:'")
        try:
            return cls._from(document)
        except Exception as error:
            raise InvalidInput(f"Presidio does not accept {str(path)!r}: {error}") from error

    @classmethod
    def _from(cls, document: dict[str, Any]) -> Further:
        languages: list[str] = document.get("supported_languages") or [LANGUAGE]
        nlp = None
        if document.get("nlp_configuration"):
            nlp = NlpEngineProvider(nlp_configuration=document["nlp_configuration"]).create_engine()
        registry = RecognizerRegistryProvider(
            registry_configuration={"supported_languages": languages, "recognizers": document["recognizers"]},
            nlp_engine=nlp,
        ).create_recognizer_registry()
        return cls(list(registry.recognizers), nlp=nlp, language=languages[0])

    def found(self, text: str) -> list[Found]:
        """What they find in `text`, whatever its score. Raises RedactionBlocked when one runs out of time."""
        results = self._engine.analyze(text, language=self._language, score_threshold=0)
        return [
            Found(r.start, r.end, self._recognizer(r.entity_type), text[r.start : r.end], r.score)
            for r in results
            if r.start < r.end
        ]

    def _recognizer(self, entity: str) -> Recognizer:
        made = Recognizer(entity=entity, forms=(), example="", validator="presidio")
        return self._named.setdefault(entity, made)


def analyzer_engine(redactor: Redactor, further: Sequence[EntityRecognizer] = ()) -> AnalyzerEngine:
    """Presidio's engine on `no_op` with our recognizers in it: for whoever speaks Presidio."""
    return _engine([ScanRecognizer(redactor), *further], None, LANGUAGE)


def _engine(recognizers: Sequence[EntityRecognizer], nlp: NlpEngine | None, language: str) -> AnalyzerEngine:
    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=list(recognizers), supported_languages=[language]),
        nlp_engine=nlp or NoOpNlpEngine(models=[{"lang_code": language, "model_name": "none"}]),
        supported_languages=[language],
        default_score_threshold=0,
    )


def _result(span: RedactionSpan) -> RecognizerResult:
    metadata: dict[str, Callable[..., Any] | str] = {
        RecognizerResult.RECOGNIZER_NAME_KEY: "vigia",
        "validator": span.validator,
        "disguise": span.disguise,
    }
    return RecognizerResult(span.entity, span.start, span.end, span.score, recognition_metadata=metadata)


def _refuse_time_out(record: logging.LogRecord) -> bool:
    if "timed out" in record.getMessage():
        raise RedactionBlocked("a recognizer ran into its time limit", hint="its pattern backtracks; write it for RE2")
    return True
