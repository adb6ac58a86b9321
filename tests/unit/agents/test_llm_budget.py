"""A model behind a budget: it pays before it asks, gives back what it did not need, and out of budget is not there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agents.llm.budgeted import BudgetedChatModel
from agents.llm.errors import ModelUnavailable
from agents.llm.narrator import ModelNarrator
from agents.llm.port import ChatMessage, ChatModel, Completion
from agents.llm.prices import cost_microdollars
from agents.llm.template import TemplateNarrator
from foundation.errors import Unavailable
from guardrails.budgets.port import Budget
from guardrails.budgets.types import Amount, BudgetExceeded, Scope
from tests.fakes.diagnoses import DIAGNOSIS, EVIDENCE


class Purse(Budget):
    """Remembers what was asked of it; `empty` as a spent budget, `gone` as one whose database is down."""

    def __init__(self, *, empty: bool = False, gone: bool = False) -> None:
        self.empty, self.gone = empty, gone
        self.reserved: list[Amount] = []
        self.settled: list[Amount] = []

    def reserve(self, amount: Amount, *, essential: bool = False) -> None:
        if self.gone:
            raise Unavailable("the database is locked")
        if self.empty:
            raise BudgetExceeded(Scope("incident", "inc_1"), "tokens", 100)
        self.reserved.append(amount)

    def settle(self, amount: Amount) -> None:
        self.settled.append(amount)


class Scripted(ChatModel):
    provider = "test"
    model = "gpt-4o-mini"

    def __init__(self, answer: Completion | Exception) -> None:
        self.asked = 0
        self._answer = answer

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int) -> Completion:
        self.asked += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class NoRedaction:
    def redact(self, text: str) -> str:
        return text

    def redact_value(self, value: object) -> object:
        return value


def completion(text: str = "ok", *, told: int = 100, said: int = 20, cost: float | None = None) -> Completion:
    return Completion(text=text, model="m", input_tokens=told, output_tokens=said, cost_usd=cost)


def ask(model: ChatModel, purse: Purse, *, length: int = 300) -> Completion:
    return BudgetedChatModel(model, purse).complete([ChatMessage(role="user", content="x" * length)], max_tokens=50)


def spent(purse: Purse) -> Amount:
    """In the end: reserved and settled together."""
    amounts = [*purse.reserved, *purse.settled]
    return Amount(tokens=sum(a.tokens for a in amounts), microdollars=sum(a.microdollars for a in amounts))


def test_the_most_is_reserved_and_the_rest_given_back() -> None:
    purse = Purse()
    ask(Scripted(completion()), purse)
    assert purse.reserved == [Amount(tokens=150, microdollars=cost_microdollars("gpt-4o-mini", 100, 50) or 0)]
    assert spent(purse) == Amount(tokens=120, microdollars=cost_microdollars("gpt-4o-mini", 100, 20) or 0)
    assert purse.settled[0].wall_ms >= 0


@pytest.mark.parametrize("purse", [Purse(empty=True), Purse(gone=True)])
def test_out_of_budget_the_model_is_not_asked(purse: Purse) -> None:
    model = Scripted(completion())
    with pytest.raises(ModelUnavailable, match="budget"):
        ask(model, purse)
    assert model.asked == 0


def test_a_server_that_reports_nothing_does_not_answer_for_free() -> None:
    purse = Purse()
    ask(Scripted(completion("word " * 400, told=0, said=0)), purse)
    assert spent(purse).tokens >= 500


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -3.0, 1e300])
def test_a_cost_that_cannot_be_true_breaks_nothing(cost: float) -> None:
    purse = Purse()
    ask(Scripted(completion(cost=cost, told=10**18)), purse)
    assert spent(purse).microdollars > 0


def test_a_call_without_an_answer_has_still_cost_what_was_sent() -> None:
    purse = Purse()
    with pytest.raises(ModelUnavailable):
        ask(Scripted(ModelUnavailable("timeout")), purse)
    assert spent(purse).tokens == 100


def test_the_deterministic_narrator_finishes_the_job_and_says_so() -> None:
    model = BudgetedChatModel(Scripted(completion()), Purse(empty=True))
    prose = ModelNarrator(model, NoRedaction(), TemplateNarrator()).narrate(DIAGNOSIS, EVIDENCE)  # type: ignore[arg-type]
    assert prose.author == "template"
    assert prose.sentences == TemplateNarrator().narrate(DIAGNOSIS, EVIDENCE).sentences
    assert prose.note == "language model not used: the budget of incident inc_1 is spent: at most 100 tokens"


def test_prices_come_from_the_list_on_this_machine() -> None:
    assert cost_microdollars("gpt-4o-mini", 1_000_000, 0) == 150_000
    assert cost_microdollars("openai/gpt-4o-mini", 1_000_000, 0) == 150_000
    assert cost_microdollars("our-own-model", 1_000_000, 0) is None
