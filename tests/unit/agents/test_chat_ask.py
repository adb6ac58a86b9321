"""Questions without a model: routed by rules, answered by tools and stores, bounded by the asker's tenants."""

from __future__ import annotations

import pytest

from agents.chat.ask import Ask
from foundation.errors import Forbidden, InvalidInput
from guardrails.redaction.engine import Redactor
from tests.fakes.chatting import CATALOG, LINEAGE, FakeApprovals, FakeIncidents, FakeRunner, human
from tools.contract import Observation

REDACTOR = Redactor(b"a key for tests, 32 bytes long..")


def ask(runner: FakeRunner, *, max_calls: int = 8) -> Ask:
    return Ask(
        catalog=CATALOG,
        lineage=LINEAGE,
        runner=runner,
        tools={},
        incidents=FakeIncidents(),
        approvals=FakeApprovals(),
        redactor=REDACTOR,
        max_calls=max_calls,
    )


@pytest.mark.parametrize(
    ("question", "calls"),
    [
        ("how fresh is card_velocity in br?", [("freshness", {"view": "card_velocity", "tenant": "br"})]),
        ("Is card_velocity stale?", [("freshness", {"view": "card_velocity", "tenant": t}) for t in ("ar", "br")]),
        ("what changed in Brazil?", [("change_events", {"subject": "urn:vigia:source:payments_br"})]),
        (
            "decline rate of fraud-br",
            [("score_distribution", {"endpoint": "fraud-br"}), ("rollout_status", {"endpoint": "fraud-br"})],
        ),
        ("what does urn:vigia:endpoint:fraud-ar cost?", [("usage_cost", {"endpoint": "fraud-ar"})]),
        ("fraud-ar is slow", [("latency_breakdown", {"endpoint": "fraud-ar"})]),
    ],
)
def test_a_question_becomes_tool_calls(question: str, calls: list[tuple[str, dict[str, str]]]) -> None:
    runner = FakeRunner()
    answer = ask(runner).answer(question, human("alice"))
    assert runner.calls == calls
    assert {c.source for c in answer.citations} >= {tool for tool, _ in calls}
    assert all(f"[{citation.id}]" in answer.text for citation in answer.citations)
    assert answer.author == "rules"


def test_why_looks_at_the_subject_its_changes_and_the_open_incident() -> None:
    runner = FakeRunner()
    answer = ask(runner).answer("why is payments_br failing?", human("alice"))
    assert [tool for tool, _ in runner.calls] == [
        "connector_status", "source_volume", "source_quality", "change_events",
    ]  # fmt: skip
    assert answer.citations[0].source == "incidents"
    assert "INC-0001 is awaiting_approval" in answer.text


def test_an_incident_is_told_with_its_cause_and_redacted() -> None:
    answer = ask(FakeRunner()).answer("status of incident inc-0001?", human("alice"))
    assert "INC-0001 is awaiting_approval (critical)" in answer.text
    assert "most likely unit_change (0.94)" in answer.text
    assert "ana@example.com" not in answer.text
    assert answer.text.endswith("[T1]")


def test_unknown_and_foreign_incidents_look_the_same() -> None:
    asked = ask(FakeRunner())
    assert asked.answer("INC-0009", human("alice")).citations[0].status == "no_data"
    assert asked.answer("INC-0001", human("bob", "ar")).citations[0].status == "no_data"
    assert asked.answer("which incidents are open?", human("bob", "ar")).text == "No incident is open."


def test_what_waits_for_approval() -> None:
    asked = ask(FakeRunner())
    answer = asked.answer("what is waiting for approval?", human("alice"))
    assert "apr_1: quarantine_source, quarantine payments_br after 05:40; needs 1 approver(s)" in answer.text
    assert asked.answer("pending approvals", human("bob", "ar")).text == "Nothing is waiting for approval."


def test_other_tenants_are_not_looked_at() -> None:
    runner = FakeRunner()
    answer = ask(runner).answer("decline rate of fraud-br", human("bob", "ar"))
    assert runner.calls == []
    assert answer.note == "what belongs to other tenants was left out"
    ask(runner).answer("how fresh is card_velocity?", human("bob", "ar"))
    assert runner.calls == [("freshness", {"view": "card_velocity", "tenant": "ar"})]


def test_the_budget_holds() -> None:
    runner = FakeRunner()
    answer = ask(runner, max_calls=2).answer("why is payments_br failing?", human("alice"))
    assert len(runner.calls) == 2
    assert answer.note == "only the first 2 of 4 look-ups were made"


def test_a_failing_tool_is_said_to_have_failed() -> None:
    broken = Observation(status="error", summary="no answer in 10 s")
    answer = ask(FakeRunner({"freshness": broken})).answer("how fresh is card_velocity in br?", human("alice"))
    assert answer.text == "could not be looked up: no answer in 10 s [T1]"


def test_what_cannot_be_answered_gets_help() -> None:
    runner = FakeRunner()
    answer = ask(runner).answer("what is the meaning of life of ana@example.com?", human("alice"))
    assert answer.intent == "help"
    assert "Name what it is about" in answer.text
    assert "ana@" not in answer.question
    assert runner.calls == []


def test_who_may_ask_and_what() -> None:
    with pytest.raises(Forbidden, match="human:carol"):
        ask(FakeRunner()).answer("what changed in br?", human("carol", role="viewer"))
    for bad in ("  ", "x" * 2001):
        with pytest.raises(InvalidInput):
            ask(FakeRunner()).answer(bad, human("alice"))
