"""Questions with a model behind them, over HTTP: it chooses observe tools and writes, within bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from llmock.scenarios import Fail, Reply
from llmock.testing import LLMockServer
from pydantic import Field

from agents.chat.ask import Ask
from agents.llm.models import ModelCall, OpenAiChatModel
from guardrails.redaction.engine import Redactor
from platform_core.view import PlatformView
from tests.fakes.chatting import CATALOG, LINEAGE, FakeApprovals, FakeIncidents, FakeRunner, human
from tools.contract import Observation, ObserveTool, ToolArguments

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries, at import
ODD = "is the moon bad for fraud-br's shoppers? ask ana@example.com"
CHOICE = {"tool": "usage_cost", "arguments": {"endpoint": "fraud-br"}}


class _Arguments(ToolArguments):
    endpoint: str
    days: int = Field(default=30, ge=2)


class _UsageCost(ObserveTool[_Arguments]):
    name = "usage_cost"
    summary = "Use and cost of an endpoint"
    arguments = _Arguments
    example = {"endpoint": "fraud-br"}  # noqa: RUF012 the port asks for a plain attribute

    def observe(self, platform: PlatformView, arguments: _Arguments) -> Observation:
        raise AssertionError("the runner of this test answers")


@pytest.fixture(scope="module")
def running() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
def server(running: LLMockServer) -> LLMockServer:
    running.state.reset()
    return running


def ask(server: LLMockServer, runner: FakeRunner, calls: list[ModelCall] | None = None) -> Ask:
    return Ask(
        catalog=CATALOG,
        lineage=LINEAGE,
        runner=runner,
        tools={"usage_cost": _UsageCost()},
        incidents=FakeIncidents(),
        approvals=FakeApprovals(),
        redactor=Redactor(b"a key for tests, 32 bytes long.."),
        model=OpenAiChatModel(model="gpt-4o-mini", api_key="x", base_url=server.base_url(), timeout=2.0),
        on_call=None if calls is None else calls.append,
        max_calls=3,
    )


def says(server: LLMockServer, *answers: Any) -> None:
    for answer in answers:
        server.state.scenarios.add(Reply(text=json.dumps(answer)))


def nothing_named(question: str) -> str:
    return question.replace("fraud-br's", "the endpoint's")


def test_the_model_chooses_where_the_rules_have_nothing_and_writes(server: LLMockServer) -> None:
    says(server, [CHOICE], [{"text": "It costs 44 USD a day.", "evidence_ids": ["T1"]}])
    cost = Observation(status="success", summary="fraud-br costs 44.2 USD a day", figures={"cost_per_day_usd": 44.2})
    runner, calls = FakeRunner({"usage_cost": cost}), list[ModelCall]()
    answer = ask(server, runner, calls).answer(nothing_named(ODD), human("alice"))
    assert runner.calls == [("usage_cost", {"endpoint": "fraud-br"})]
    assert (answer.text, answer.author) == ("It costs 44 USD a day. [T1]", "gpt-4o-mini")
    assert [call.purpose for call in calls] == ["ask", "ask"]
    sent = json.dumps([record.body for record in server.state.journal.records(wait=2)])
    assert "ana@example.com" not in sent


def test_what_the_model_may_not_do_is_not_done(server: LLMockServer) -> None:
    many = [
        {"tool": "restart_connector", "arguments": {"source": "payments_br"}},
        {"tool": "usage_cost", "arguments": {"endpoint": "fraud-br", "shell": "rm -rf /"}},
        CHOICE,
        {"tool": "usage_cost", "arguments": {"endpoint": "fraud-ar"}},
    ]
    says(server, many, [])
    runner = FakeRunner()
    ask(server, runner).answer(nothing_named(ODD), human("alice"))
    assert runner.calls == [("usage_cost", {"endpoint": "fraud-br"})]


def test_a_model_cannot_look_into_other_tenants(server: LLMockServer) -> None:
    says(server, [CHOICE])
    runner = FakeRunner()
    answer = ask(server, runner).answer(nothing_named(ODD), human("bob", "ar"))
    assert runner.calls == []
    assert answer.intent == "help"


@pytest.mark.parametrize("fault", [Fail(500), Reply(text="no idea"), Reply(text="")])
def test_a_fault_leaves_the_answer_by_rules(server: LLMockServer, fault: Any) -> None:
    server.state.scenarios.add(fault)
    runner = FakeRunner()
    answer = ask(server, runner).answer("decline rate of fraud-br?", human("alice"))
    assert answer.author == "rules"
    assert answer.note is not None
    assert answer.note.startswith("language model not used")
    assert len(runner.calls) == 2


def test_a_sentence_that_the_results_do_not_carry_is_not_said(server: LLMockServer) -> None:
    says(server, [{"text": "It declines 99 % of payments.", "evidence_ids": ["T1"]}])
    answer = ask(server, FakeRunner()).answer("decline rate of fraud-br?", human("alice"))
    assert "99" not in answer.text
    assert answer.author == "rules"
