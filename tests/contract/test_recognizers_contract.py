"""What every recognizer of the registry keeps to: a further one is a file, and a row in `tests/fakes/recognized.py`."""

from __future__ import annotations

import pytest

from guardrails.redaction.engine import Redactor
from guardrails.redaction.recognizers import recognizers
from tests.fakes.disguises import base_64, full_width, hexadecimal, json_escaped, percent
from tests.fakes.recognized import FOUND, NEAR_MISSES

REDACTOR = Redactor(b"a key for tests, 32 bytes long..")
REGISTRY = {recognizer.entity: recognizer for recognizer in recognizers()}


def cases(table: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str, str]]:
    return [(entity, text, value) for entity, rows in table.items() for text, value in rows]


def test_every_recognizer_has_its_cases() -> None:
    assert FOUND.keys() == NEAR_MISSES.keys() == REGISTRY.keys()
    assert len(REGISTRY) == len(recognizers()) >= 28


@pytest.mark.parametrize(("entity", "text", "value"), cases(FOUND))
def test_finds(entity: str, text: str, value: str) -> None:
    found = REDACTOR.redaction(text)
    at = text.find(value)
    (span,) = [span for span in found.spans if span.start <= at < span.end]
    assert span.entity == entity
    assert span.end >= at + len(value)
    assert value not in found.text
    assert f"<{entity}_" in found.text
    assert 0 < span.score <= 1
    assert span.validator == REGISTRY[entity].validator


@pytest.mark.parametrize(("entity", "text"), [(entity, text) for entity, rows in NEAR_MISSES.items() for text in rows])
def test_leaves_a_near_miss_alone(entity: str, text: str) -> None:
    assert entity not in {span.entity for span in REDACTOR.spans(text)}


@pytest.mark.parametrize("disguise", [full_width, percent, json_escaped, base_64, hexadecimal])
@pytest.mark.parametrize("entity", FOUND)
def test_finds_its_example_in_disguise(entity: str, disguise: object) -> None:
    hidden = disguise(REGISTRY[entity].example)  # type: ignore[operator]
    assert entity in {span.entity for span in REDACTOR.spans(f"x {hidden} y")}


@pytest.mark.parametrize("entity", FOUND)
def test_its_name_does_not_hang_on_the_spelling(entity: str) -> None:
    recognizer = REGISTRY[entity]
    for _, value in FOUND[entity]:
        normal = recognizer.normalise(value)
        assert recognizer.normalise(normal) == normal
