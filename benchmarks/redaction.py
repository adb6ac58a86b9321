"""How much faster the redactor is than Presidio, on 2 KB of log text, in one run and on the same texts.

Four ways side by side, in alternating rounds so that a busy machine slows all of them:

  ours      the redactor's fast path
  wrapped   the redactor inside Presidio's AnalyzerEngine
  same      Presidio's no_op engine holding our patterns as its own PatternRecognizers, with our validators
  stock     Presidio's no_op engine with the recognizers it ships

What each finds is compared with what was planted; the last line is one JSON
object with the ratios.

Then the slowest of the texts made to be slow, and the shares of false alarms.

    python -m benchmarks.redaction [--texts 40] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from guardrails.redaction.engine import Redactor
from guardrails.redaction.recognizer import Form, Recognizer
from guardrails.redaction.recognizers import recognizers
from tests.fakes.hostile import hostile
from tests.fakes.log_lines import ordinary_lines, service_lines

KEY = b"a key for benchmarks, 32 bytes.."
SIZE = 2048
PLANTED = (
    "cpf 529.982.247-25", "cnpj 11.222.333/0001-81", "card 4111 1111 1111 1111", "ana.souza@example.com",
    "call +55 11 98765-4321", "from 203.0.113.7", "cuit 20-05536168-2", "AKIAIOSFODNN7EXAMPLE",
    "postgresql://vigia:hunter2@db/vigia", "CURP BOXW310820HNERXN09",
)  # fmt: skip
SECRETS = (
    "529.982.247-25", "11.222.333/0001-81", "4111 1111 1111 1111", "ana.souza@example.com", "+55 11 98765-4321",
    "203.0.113.7", "20-05536168-2", "AKIAIOSFODNN7EXAMPLE", "hunter2", "BOXW310820HNERXN09",
)  # fmt: skip
Find = Callable[[str], list[tuple[int, int]]]


def texts(count: int, *, planted: bool) -> list[str]:
    """Log text of about 2 KB each; with `planted`, two identifiers in each."""
    pick = random.Random(11)
    made: list[str] = []
    for number in range(count):
        lines = list(ordinary_lines(number, 24))
        if planted:
            for _ in range(2):
                lines.insert(pick.randrange(12), PLANTED[pick.randrange(len(PLANTED))])
        made.append("\n".join(lines)[:SIZE])
    return made


def ours() -> Find:
    redactor = Redactor(KEY)
    return lambda text: [(span.start, span.end) for span in redactor.spans(text)]


def wrapped() -> Find:
    from presidio_analyzer import Pattern, PatternRecognizer

    from guardrails.redaction.presidio import analyzer_engine

    never = PatternRecognizer(supported_entity="NEVER", patterns=[Pattern("never", r"\bzzzz-never\b", 1.0)])
    engine = analyzer_engine(Redactor(KEY), [never])
    return lambda text: [(found.start, found.end) for found in engine.analyze(text, language="en")]


def same_patterns() -> Find:
    held = [_as_presidio(recognizer, form) for recognizer in recognizers() for form in recognizer.forms]
    for recognizer in recognizers():
        for number in recognizer.numbers:
            lengths = "|".join(rf"\d{{{length}}}" for length in number.lengths)
            form = Form(rf"\b(?:{lengths})\b", validate=number.validate)
            held.append(_as_presidio(recognizer, form))
    return _presidio(held)


def stock() -> Find:
    import tldextract
    from presidio_analyzer import RecognizerRegistry

    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # its e-mail recognizer would download a list
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    named = [r for r in registry.recognizers if r.name != "SpacyRecognizer"]  # needs a model to download
    return _presidio(named)


def _as_presidio(recognizer: Recognizer, form: Form) -> Any:
    from presidio_analyzer import Pattern, PatternRecognizer

    validate = form.validate or recognizer.validate

    class Same(PatternRecognizer):
        def validate_result(self, pattern_text: str) -> bool | None:
            return None if validate is None else validate(pattern_text)

    # RE2's end of text is \z; Presidio's engine is the `regex` module, where it is \Z and property names need braces.
    pattern = form.pattern.replace(r"\z", r"\Z").replace(r"\pL", r"\p{L}").replace(r"\pN", r"\p{N}")
    return Same(
        supported_entity=recognizer.entity,
        patterns=[Pattern(recognizer.entity, pattern, 0.5)],
        context=list(recognizer.context),
        global_regex_flags=0,
    )


def _presidio(held: list[Any]) -> Find:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    engine = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=held, supported_languages=["en"]),
        nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}]),
        supported_languages=["en"],
    )
    return lambda text: [(result.start, result.end) for result in engine.analyze(text, language="en")]


def leaked(find: Find, corpus: list[str]) -> tuple[int, int]:
    """(planted secrets that are not wholly inside one finding, planted secrets)."""
    missed = total = 0
    for text in corpus:
        spans = find(text)
        for secret in SECRETS:
            start = text.find(secret)
            if start >= 0:
                total += 1
                missed += not any(a <= start and start + len(secret) <= b for a, b in spans)
    return missed, total


def measure(finds: dict[str, Find], corpus: list[str], rounds: int) -> dict[str, float]:
    """Median milliseconds of CPU per text over alternating rounds, after one that warms up."""
    seen: dict[str, list[float]] = {name: [] for name in finds}
    for number in range(rounds + 1):
        for name, find in finds.items():
            started = time.thread_time()
            for text in corpus:
                find(text)
            if number:
                seen[name].append((time.thread_time() - started) * 1000 / len(corpus))
    return {name: statistics.median(values) for name, values in seen.items()}


def slowest(rounds: int) -> list[tuple[float, str]]:
    """Milliseconds of CPU for each hostile text of 10 KB, the slowest first; the best of `rounds`, for other processes
    use the machine."""
    redactor = Redactor(KEY)
    seen: list[tuple[float, str]] = []
    for name, text in hostile(10_000):
        best = float("inf")
        for _ in range(rounds):
            started = time.thread_time()
            redactor.redact(text)
            best = min(best, time.thread_time() - started)
        seen.append((best * 1000, name))
    return sorted(seen, reverse=True)


def false_alarms() -> dict[str, float]:
    """Shares of PII-free log lines that are altered, and of bare order ids of 10 to 14 digits that are redacted."""
    redactor, pick = Redactor(KEY), random.Random(7)
    lines = [*ordinary_lines(77, 10_000), *service_lines(78, 10_000)]
    ids = [str(pick.randrange(10 ** (size - 1), 10**size)) for size in range(10, 15) for _ in range(4_000)]
    return {
        "lines_altered": sum(redactor.redact(line) != line for line in lines) / len(lines),
        "order_ids_redacted": sum(redactor.redact(number) != number for number in ids) / len(ids),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    clean, planted = texts(given.texts, planted=False), texts(given.texts, planted=True)
    finds = {"ours": ours(), "wrapped": wrapped(), "same": same_patterns(), "stock": stock()}
    result: dict[str, Any] = {"benchmark": "redaction", "bytes": SIZE, "texts": given.texts}
    table = Table("texts", "engine", "ms per text", "x ours", title=f"{SIZE} bytes of log text, CPU time, one run")
    for label, corpus in (("clean", clean), ("planted", planted)):
        millis = measure(finds, corpus, given.rounds)
        result[label] = {f"{name}_ms": round(value, 4) for name, value in millis.items()}
        result[label] |= {
            f"{name}_over_ours": round(millis[name] / millis["ours"], 1) for name in ("wrapped", "same", "stock")
        }
        for name, value in millis.items():
            table.add_row(label, name, f"{value:.3f}", f"{value / millis['ours']:.1f}")
    found = Table("engine", "planted", "missed", "clean texts altered", title="what each finds")
    for name, find in finds.items():
        missed, total = leaked(find, planted)
        altered = sum(bool(find(text)) for text in clean)
        result[name] = {"planted": total, "missed": missed, "clean_texts_altered": altered}
        found.add_row(name, str(total), str(missed), f"{altered} of {len(clean)}")
    worst = slowest(given.rounds)
    hard = Table("text", "ms", title=f"the slowest of {len(worst)} hostile texts of 10 KB")
    for value, name in worst[:8]:
        hard.add_row(name, f"{value:.2f}")
    result["hostile"] = {"texts": len(worst), "slowest_ms": round(worst[0][0], 2), "slowest": worst[0][1]}
    result |= false_alarms()
    console = Console()
    for shown in (table, found, hard):
        console.print(shown)
    console.print(
        f"false alarms: {result['lines_altered']:.3%} of log lines, {result['order_ids_redacted']:.2%} of order ids"
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
