"""A chat model that asks the budget first. Out of budget it is simply not there, and the deterministic path goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from agents.llm.errors import ModelUnavailable
from agents.llm.port import ChatMessage, ChatModel, Completion
from agents.llm.prices import cost_microdollars
from foundation.errors import VigiaError
from foundation.telemetry.logs import get_logger
from guardrails.budgets.port import Budget
from guardrails.budgets.types import MOST, Amount, BudgetExceeded

log = get_logger(__name__)

_CHARACTERS_PER_TOKEN = 3
"""Fewer than any tokenizer needs for the languages at hand, so that the estimate is an upper one."""


class BudgetedChatModel:
    """Reserves the most that a call can cost, and gives back what it did not.

    What is charged is what the server reports, but never less than a quarter of the text's characters: a server that
    reports nothing does not make its answers free.
    """

    def __init__(self, inner: ChatModel, budget: Budget) -> None:
        self._inner = inner
        self._budget = budget

    @property
    def provider(self) -> str:
        return self._inner.provider

    @property
    def model(self) -> str:
        return self._inner.model

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int) -> Completion:
        """Raises ModelUnavailable also when the budget is spent or cannot be counted."""
        asked = math.ceil(sum(len(message.content) for message in messages) / _CHARACTERS_PER_TOKEN)
        most = self._amount(asked, max_tokens)
        try:
            self._budget.reserve(most)
        except BudgetExceeded as spent:
            raise ModelUnavailable(spent.message, hint=spent.hint) from spent
        except VigiaError as error:
            raise ModelUnavailable(f"the budget cannot be counted: {error.message}") from error
        started = time.perf_counter()
        used = self._amount(asked, 0)  # what a call without an answer may still be billed for
        try:
            answer = self._inner.complete(messages, max_tokens=max_tokens)
            used = self._used(answer, asked)
        finally:
            wall_ms = round((time.perf_counter() - started) * 1000)
            self._settle(used, most, wall_ms)
        return answer

    def _used(self, answer: Completion, asked: int) -> Amount:
        told = min(max(answer.input_tokens, asked // 4), MOST // 4)
        said = min(max(answer.output_tokens, len(answer.text) // 4), MOST // 4)
        used = self._amount(told, said)
        reported = answer.cost_usd
        if reported is None or not math.isfinite(reported) or reported <= 0:
            return used
        dollars = min(math.ceil(reported * 1_000_000), MOST // 4)
        return used.model_copy(update={"microdollars": max(used.microdollars, dollars)})

    def _amount(self, told: int, said: int) -> Amount:
        cost = cost_microdollars(self.model, told, said) or 0
        return Amount(tokens=told + said, microdollars=min(cost, MOST // 4))

    def _settle(self, used: Amount, reserved: Amount, wall_ms: int) -> None:
        difference = Amount(
            tokens=used.tokens - reserved.tokens,
            microdollars=used.microdollars - reserved.microdollars,
            wall_ms=wall_ms,
        )
        try:
            self._budget.settle(difference)
        except VigiaError as error:
            # What was reserved stays spent: more than it cost, never less.
            log.warning("a model call was not settled", reason=error.message)
