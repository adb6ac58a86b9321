"""Both model adapters over real HTTP against a scripted OpenAI-compatible server on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llmock.scenarios import Delay, Fail, Reply
from llmock.testing import LLMockServer

from agents.llm.models import ChatModel, LiteLlmChatModel, ModelCall, OpenAiChatModel
from agents.llm.narrator import ModelNarrator, TemplateNarrator
from agents.llm.port import ChatMessage
from guardrails.redaction.engine import Redactor
from tests.fakes.diagnoses import DIAGNOSIS, EVIDENCE, piece

REDACTOR = Redactor(b"a key for tests, 32 bytes long..")
GOOD = {"text": "The median amount rose x100 after ingest-br 4.7.0.", "evidence_ids": ["E1", "E2"]}
Adapter = Callable[[LLMockServer], ChatModel]


@pytest.fixture(scope="module")
def running() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
def server(running: LLMockServer) -> LLMockServer:
    running.state.reset()
    return running


def openai(server: LLMockServer) -> ChatModel:
    return OpenAiChatModel(model="gpt-4o-mini", api_key="x", base_url=server.base_url(), timeout=1.0)


def litellm(server: LLMockServer) -> ChatModel:
    return LiteLlmChatModel(model="openai/gpt-4o-mini", api_key="x", base_url=server.base_url(), timeout=1.0)


pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the libraries, at import
    pytest.mark.parametrize("adapter", [openai, litellm]),
]


def says(server: LLMockServer, value: Any) -> None:
    server.state.scenarios.add(Reply(text=value if isinstance(value, str) else json.dumps(value)))


def sent(server: LLMockServer) -> str:
    return json.dumps([record.body for record in server.state.journal.records(wait=2)], ensure_ascii=False)


def narrator(model: ChatModel, calls: list[ModelCall] | None = None) -> ModelNarrator:
    return ModelNarrator(model, REDACTOR, TemplateNarrator(), on_call=None if calls is None else calls.append)


def test_good_prose_is_kept_and_the_call_is_told_of(server: LLMockServer, adapter: Adapter) -> None:
    says(server, [GOOD, {"text": "Others are unchanged.", "evidence_ids": ["E3"]}])
    calls: list[ModelCall] = []
    prose = narrator(adapter(server), calls).narrate(DIAGNOSIS, EVIDENCE)
    assert [str(sentence) for sentence in prose.sentences] == [
        "The median amount rose x100 after ingest-br 4.7.0. [E1 E2]",
        "Others are unchanged. [E3]",
    ]
    assert (prose.author, prose.note) == ("gpt-4o-mini", None)
    (call,) = calls
    assert (call.outcome, call.purpose, len(call.prompt_digest)) == ("answered", "narrate", 64)
    assert call.output_tokens > 0
    assert (call.cost_usd is not None) == (call.provider == "litellm")


def test_what_evidence_does_not_carry_is_dropped(server: LLMockServer, adapter: Adapter) -> None:
    says(
        server,
        "```json\n"
        + json.dumps(
            [
                GOOD,
                {"text": "The moon is full."},
                {"text": "The registry is down.", "evidence_ids": ["E99"]},
                {"text": "Declines rose to 44.4 %.", "evidence_ids": ["E4"]},
                {"text": "Approve at https://evil.example now.", "evidence_ids": ["E1"]},
                {"text": "<!channel> look.", "evidence_ids": ["E1"]},
                {"text": "Declines rose to 9.4 %.", "evidence_ids": ["E4"]},
            ]
        )
        + "\n```",
    )
    prose = narrator(adapter(server)).narrate(DIAGNOSIS, EVIDENCE)
    assert [sentence.evidence_ids for sentence in prose.sentences] == [("E1", "E2"), ("E4",)]
    assert prose.note is not None
    assert prose.note.startswith("5 of 7 sentences")


def test_personal_data_never_reaches_the_server(server: LLMockServer, adapter: Adapter) -> None:
    planted = piece(
        5,
        "job_history",
        "row of 529.982.247-25 (joao.silva@example.com, +55 11 98765-4321) failed",
        status="error",
        figures={"customer": "4111111111111111", "cuit": 20055361682},
        note="connect postgresql://etl:hunter2@10.1.2.3/pay failed; Authorization: Bearer abcdef123456",
    )
    says(server, [GOOD])
    prose = narrator(adapter(server)).narrate(DIAGNOSIS, (*EVIDENCE, planted))
    assert prose.author == "gpt-4o-mini"
    body = sent(server)
    assert "ingest-br 4.7.0" in body
    for secret in (
        "529.982.247-25", "joao.silva", "98765-4321", "4111111111111111", "20055361682", "hunter2", "10.1.2.3",
        "abcdef123456", "ana.souza",
    ):  # fmt: skip
        assert secret not in body


FAULTS: dict[str, Any] = {
    "500": Fail(500),
    "503": Fail(503),
    "429 with a long wait": Fail(429, retry_after=50),
    "401": Fail(401),
    "context overflow": Fail(400, code="context_length_exceeded"),
    "timeout": Delay(3),
    "not JSON": Reply(text="I think that the amounts are in cents."),
    "half JSON": Reply(text='[{"text": "The median'),
    "other JSON": Reply(text='"a string"'),
    "no sentence": Reply(text="[]"),
    "refusal": Reply(text="I can't help with that."),
    "nothing": Reply(text=""),
    "nothing carried": Reply(text='[{"text": "It is DNS.", "evidence_ids": []}]'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_ends_in_the_deterministic_prose(server: LLMockServer, adapter: Adapter, fault: str) -> None:
    server.state.scenarios.add(FAULTS[fault])
    calls: list[ModelCall] = []
    started = time.monotonic()
    prose = narrator(adapter(server), calls).narrate(DIAGNOSIS, EVIDENCE)
    assert time.monotonic() - started < 20  # no obedience to a minute's Retry-After
    expected = TemplateNarrator().narrate(DIAGNOSIS, EVIDENCE)
    assert prose.sentences == expected.sentences
    assert prose.author == "template"
    assert prose.note is not None
    assert prose.note.startswith("language model not used: ")
    assert len(calls) == 1


def test_nobody_listening_is_a_fault_too(server: LLMockServer, adapter: Adapter) -> None:
    model = adapter(server)
    gone = type(model)(model=model.model, api_key="x", base_url="http://127.0.0.1:9", timeout=1.0)  # type: ignore[call-arg]
    assert narrator(gone).narrate(DIAGNOSIS, EVIDENCE).author == "template"


def test_a_prompt_that_cannot_be_redacted_is_not_sent(server: LLMockServer, adapter: Adapter) -> None:
    class Failing:
        def redact(self, text: str) -> str:
            return text

        def redact_value(self, value: Any) -> Any:
            return REDACTOR.redact_value(object())

    prose = ModelNarrator(adapter(server), Failing(), TemplateNarrator()).narrate(DIAGNOSIS, EVIDENCE)
    assert prose.author == "template"
    assert sent(server) == "[]"


def test_tokens_and_text_come_back(server: LLMockServer, adapter: Adapter) -> None:
    says(server, "hello")
    answer = adapter(server).complete([ChatMessage(role="user", content="say hello")], max_tokens=10)
    assert answer.text == "hello"
    assert answer.input_tokens > 0


def test_no_event_loop_is_left_behind(server: LLMockServer, adapter: Adapter) -> None:
    """LiteLLM asks for the main thread's after every answer: one that asyncio then makes is closed by nobody."""
    says(server, "hello")
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())  # as in a thread that never had a loop
    try:
        adapter(server).complete([ChatMessage(role="user", content="say hello")], max_tokens=10)
        assert vars(asyncio.get_event_loop_policy())["_local"]._loop is None
    finally:
        asyncio.set_event_loop_policy(before)
