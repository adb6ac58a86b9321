"""A chat model that tells what it did: a `chat` span, metrics, and one ModelCall for the audit log."""

from __future__ import annotations

import time
from collections.abc import Sequence

from agents.llm.errors import ModelUnavailable
from agents.llm.port import ChatMessage, ChatModel, Completion, ModelCall, OnModelCall
from foundation.canonical import digest
from foundation.telemetry import metrics, semconv
from foundation.telemetry.traces import set_attributes, span


class ObservedChatModel:
    """Wraps another model. `purpose` says what the calls are for (`narrate`, `ask`)."""

    def __init__(self, inner: ChatModel, *, purpose: str, on_call: OnModelCall | None = None) -> None:
        self._inner = inner
        self._purpose = purpose
        self._on_call = on_call

    @property
    def provider(self) -> str:
        return self._inner.provider

    @property
    def model(self) -> str:
        return self._inner.model

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int) -> Completion:
        """As the wrapped model; the call is told of before its answer or its error goes on."""
        started = time.perf_counter()
        sent = digest([message.model_dump() for message in messages])
        attributes = {
            semconv.OPERATION_NAME: semconv.CHAT,
            semconv.PROVIDER_NAME: self.provider,
            semconv.REQUEST_MODEL: self.model,
            semconv.REQUEST_MAX_TOKENS: max_tokens,
        }
        try:
            with span(semconv.span_name(semconv.CHAT, self.model), **attributes) as current:
                answer = self._inner.complete(messages, max_tokens=max_tokens)
                usage = {
                    semconv.RESPONSE_MODEL: answer.model,
                    semconv.USAGE_INPUT_TOKENS: answer.input_tokens,
                    semconv.USAGE_OUTPUT_TOKENS: answer.output_tokens,
                }
                set_attributes(current, **usage)
        except ModelUnavailable as error:
            self._tell(sent, started, None, error.message)
            raise
        self._tell(sent, started, answer, None)
        return answer

    def _tell(self, sent: str, started: float, answer: Completion | None, error: str | None) -> None:
        outcome = "failed" if answer is None else "answered"
        metrics.model_calls.labels(self.model, outcome).inc()
        if answer is not None:
            metrics.model_tokens.labels(self.model, "input").inc(answer.input_tokens)
            metrics.model_tokens.labels(self.model, "output").inc(answer.output_tokens)
        if self._on_call is None:
            return
        call = ModelCall(
            provider=self.provider,
            model=self.model,
            purpose=self._purpose,
            outcome=outcome,
            prompt_digest=sent,
            input_tokens=answer.input_tokens if answer else 0,
            output_tokens=answer.output_tokens if answer else 0,
            cost_usd=answer.cost_usd if answer else None,
            wall_ms=(time.perf_counter() - started) * 1000,
            error=error,
        )
        self._on_call(call)
