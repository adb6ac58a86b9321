"""What the catalog classifies is personal whatever it looks like, and known from then on wherever it appears."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from foundation.outside_text import OutsideText
from guardrails.redaction.classified import ClassifiedFields
from guardrails.redaction.engine import Redactor
from guardrails.redaction.known import MOST, KnownValues
from guardrails.redaction.recognizer import Recognizer
from interfaces.bootstrap.classified import classified_fields
from platform_core.catalog.specs import Catalog, Column, DataSource
from tests.fakes.disguises import full_width
from tools.answers import harmless
from tools.contract import Observation

KEY = b"a key for tests, 32 bytes long.."
FIELDS = ClassifiedFields(["customer_name", "street_address", "salary", "mother", "cpf"])
SOMEBODY = Recognizer(entity="NAME", forms=(), example="")


def redactor() -> Redactor:
    return Redactor(KEY, classified=FIELDS)


def test_the_value_of_a_classified_field_goes_whatever_it_is() -> None:
    given: dict[str, Any] = {
        "customer_name": "Ana Souza",
        "Street-Address": ["Rua das Flores 12", None],
        "rows": 12,
        "salary": 5400.5,
        "features": {"profile__customer_name": "Eva Lima", "n": 3, "active": True},
    }
    redacted = redactor().redact_value(given)
    assert redacted["customer_name"].startswith("<NAME_")
    assert redacted["Street-Address"][0].startswith("<ADDRESS_")
    assert redacted["salary"].startswith("<SALARY_")
    assert redacted["features"]["profile__customer_name"].startswith("<NAME_")
    assert (redacted["rows"], redacted["features"]["n"], redacted["features"]["active"]) == (12, 3, True)


@pytest.mark.parametrize(
    "text",
    [
        "bad row customer_name=Ana Souza status=failed",
        'row {"customer_name": "Ana Souza", "n": 1}',
        "row {'customer_name': 'Ana Souza'}",
        'escaped {\\"customer_name\\": \\"Ana Souza\\"}',
        "Customer-Name: Ana Souza",
    ],
)
def test_a_classified_field_in_a_text_goes_with_its_value(text: str) -> None:
    redacted = redactor().redact(text)
    assert "Souza" not in redacted
    assert "<NAME_" in redacted
    assert "status=failed" in redacted or "status" not in text


def test_a_value_that_was_seen_is_found_everywhere_afterwards() -> None:
    engine = redactor()
    name = engine.redact("Ana  Souza", key="customer_name")
    spoken = [
        "ANA SOUZA called twice",
        "thread for ana souza: blocked",
        "é Ana\tSouza.",
        f"blob {base64.b64encode(b'owner: Ana Souza (br)').decode()}",
        f"{full_width('Ana')} {full_width('Souza')}",
        "Ana%20Souza",
    ]
    for text in spoken:
        assert name in engine.redact(text), text
    assert engine.redact("Banana Souzamar") == "Banana Souzamar"


def test_order_inside_one_payload_does_not_matter() -> None:
    redacted = redactor().redact_value({"note": "Ana Souza is blocked", "row": {"customer_name": "Ana Souza"}})
    assert "Souza" not in str(redacted)
    observation = Observation(
        status="success",
        summary="Ana Souza fails",
        figures={"customer_name": "Ana Souza", "salary": 900},
        note="Ana Souza",
    )
    shown = harmless(observation, OutsideText(redactor().redact))
    assert "Souza" not in str(shown)
    assert shown.figures["salary"] != 900


def test_one_customer_has_one_name_whichever_field_held_the_number() -> None:
    engine = redactor()
    assert engine.redact("52998224725", key="cpf") == engine.redact("529.982.247-25")


@pytest.mark.parametrize("value", ["a", "Ana", "null", "N/A", "12345", "unknown", "", "  "])
def test_what_says_too_little_is_not_looked_for(value: str) -> None:
    engine = redactor()
    engine.redact(value, key="customer_name")
    assert engine.redact(f"x {value} y") == f"x {value} y"


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    known = KnownValues(most=3)
    known.learn(["first value", "second value", "third value", "first value", "fourth value"], SOMEBODY)
    assert len(known) == 3
    assert known.found(b"the first value and the fourth value")
    assert not known.found(b"the second value")


def test_thousands_of_values_are_one_scan() -> None:
    known = KnownValues()
    known.learn([f"person number {n} of many" for n in range(MOST + 10)], SOMEBODY)
    assert len(known) == MOST
    found = known.found(b"seen: Person Number 4000 of many, person number 4001 of many; person number 9999 of many")
    assert [one.value for one in found] == ["person number 4000 of many", "person number 4001 of many"]


def test_values_that_are_patterns_are_only_themselves() -> None:
    engine = redactor()
    engine.redact("a.c+(x)|.*", key="customer_name")
    assert engine.redact("abc anything") == "abc anything"
    assert "(x)" not in engine.redact("see a.c+(x)|.* here")


def test_the_catalog_says_which() -> None:
    columns = (
        Column(name="amount", dtype="float64", description=""),
        Column(name="card_id", dtype="string", description="", pii="quasi"),
        Column(name="holder", dtype="string", description="", pii="pii"),
        Column(name="diagnosis", dtype="string", description="", pii="sensitive"),
    )
    source = DataSource(name="s", tenant="br", table="t", deployment="d", columns=columns, owner="o")
    fields = classified_fields(Catalog(entities=(), sources=(source,), feature_views=(), feature_services=()))
    assert [bool(fields.get(column.name)) for column in columns] == [False, False, True, True]


def test_a_field_that_is_not_classified_costs_and_hides_nothing() -> None:
    assert Redactor(KEY).redact("Ana Souza", key="customer_name") == "Ana Souza"


def test_a_number_that_identifies_somebody_is_no_measurement() -> None:
    """A median of a column that nobody classified is somebody's identifier; counts and means stay numbers."""
    outside = OutsideText(Redactor(KEY).redact)
    kept = outside.value({"cpf": 52998224725, "card": 4111111111111111.0, "rows": 12345678, "mean": 0.25, "up": True})
    assert str(kept["cpf"]).startswith("<CPF_")
    assert str(kept["card"]).startswith("<CARD_")
    assert (kept["rows"], kept["mean"], kept["up"]) == (12345678, 0.25, True)
