"""Our recognizers inside Presidio's AnalyzerEngine, next to any other Presidio recognizer.

Presidio runs on its `no_op` language engine: no model to download, no tokenizer that hangs on pathological input.
Presidio itself fails open on two occasions, and both are closed here: a pattern that runs into its time limit is
logged and skipped (the log record is turned into RedactionBlocked), and low scores are dropped (the threshold is 0).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

os.environ.setdefault("REGEX_TIMEOUT_SECONDS", "2")  # read by presidio at import; its default is a minute

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NoOpNlpEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistry

from guardrails.redaction.errors import RedactionBlocked
from guardrails.redaction.recognizer import Recognizer
from guardrails.redaction.scan import ByteSpan, Scanner, merged

_LANGUAGE = "en"


class ScanRecognizer(EntityRecognizer):
    """All of our recognizers as one of Presidio's: the same single scan."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        super().__init__(supported_entities=list(scanner.entities), name="vigia", supported_language=_LANGUAGE)

    def load(self) -> None:
        """Nothing to load: the scanner is compiled."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """What the scan finds, in characters."""
        data = text.encode("utf-8", "surrogatepass")

        def at(position: int) -> int:
            return len(data[:position].decode("utf-8", "surrogatepass"))

        return [
            RecognizerResult(span.recognizer.entity, at(span.start), at(span.end), self.MAX_SCORE)
            for span in self._scanner.scan(data)
            if span.recognizer.entity in entities
        ]


class PresidioScan:
    """The scan of a Redactor that has further recognizers of Presidio."""

    def __init__(self, scanner: Scanner, further: Sequence[EntityRecognizer]) -> None:
        self._scanner = scanner
        logging.getLogger("presidio-analyzer").addFilter(_refuse_time_out)
        recognizers: list[EntityRecognizer] = [ScanRecognizer(scanner), *further]
        engine = NoOpNlpEngine(models=[{"lang_code": _LANGUAGE, "model_name": "none"}])
        self._engine = AnalyzerEngine(
            registry=RecognizerRegistry(recognizers=recognizers, supported_languages=[_LANGUAGE]),
            nlp_engine=engine,
            supported_languages=[_LANGUAGE],
            default_score_threshold=0,
        )

    def __call__(self, data: bytes, key: str) -> list[ByteSpan]:
        text = data.decode("utf-8", "surrogatepass")
        found = self._scanner.scan(data, key=key)  # with the key, which Presidio has no place for
        for result in self._engine.analyze(text, language=_LANGUAGE, score_threshold=0):
            start = len(text[: result.start].encode("utf-8", "surrogatepass"))
            end = len(text[: result.end].encode("utf-8", "surrogatepass"))
            value = text[result.start : result.end]
            known = self._scanner.entities.get(result.entity_type)
            found.append(ByteSpan(start, end, known or _foreign(result.entity_type), value))
        return merged(found, data)


def _foreign(entity: str) -> Recognizer:
    return Recognizer(entity=entity, forms=(), example="")


def _refuse_time_out(record: logging.LogRecord) -> bool:
    if "timed out" in record.getMessage():
        raise RedactionBlocked("a recognizer ran into its time limit", hint="its pattern backtracks; write it for RE2")
    return True
