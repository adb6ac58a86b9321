"""The prose without a model."""

from __future__ import annotations

from agents.diagnosis.types import Diagnosis
from agents.llm.narrator import TemplateNarrator
from tests.fakes.diagnoses import DIAGNOSIS, EVIDENCE


def test_tells_what_since_whom_why_and_what_not_with_citations() -> None:
    prose = TemplateNarrator().narrate(DIAGNOSIS, EVIDENCE)
    assert [str(sentence) for sentence in prose.sentences] == [
        "payments_br.amount changed unit (x100) after deploy ingest-br 4.7.0. [E1 E2 E3]",
        "It began at 2026-11-19 05:40 UTC. [E1 E2 E3]",
        "Affected: payments_br (tenant br). [E1 E2 E3]",
        "p50(amount) rose x100.0 after the deploy. [E1 E2]",
        "Only payments_br moved. [E3]",
        "Ruled out: population shift, because no campaign was announced. [E2]",
    ]
    assert prose.author == "template"
    assert prose.note is None


def test_says_when_nothing_carries_a_cause() -> None:
    unsure = DIAGNOSIS.model_copy(update={"verdict": "inconclusive"})
    first = TemplateNarrator().narrate(unsure, EVIDENCE).sentences[0]
    assert first.text.startswith("The evidence does not carry a cause; the closest is: payments_br.amount")


def test_an_expected_change_is_called_one() -> None:
    calm = DIAGNOSIS.model_copy(update={"verdict": "no_fault"})
    assert "expected change, not a fault" in TemplateNarrator().narrate(calm, EVIDENCE).sentences[0].text


def test_never_cites_evidence_that_does_not_exist() -> None:
    prose = TemplateNarrator().narrate(DIAGNOSIS, EVIDENCE[:1])
    assert {i for sentence in prose.sentences for i in sentence.evidence_ids} == {"E1"}
    empty = TemplateNarrator().narrate(Diagnosis(verdict="inconclusive", ranked=(), ruled_out=()), ())
    assert empty.sentences == ()
    assert empty.note is not None
