"""A deadline and a size that a language model's answer keeps, however its server behaves.

The clients' own timeouts are per read: a server that sends a byte now and then is never late for them.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from agents.llm.errors import ModelUnavailable
from agents.llm.port import ChatMessage, ChatModel, Completion

LONGEST_ANSWER = 64_000
"""Characters; what we ask for has a few hundred words."""


class DeadlineChatModel:
    """`model`, given up after `timeout` wall seconds."""

    def __init__(self, model: ChatModel, timeout: float) -> None:
        self._inner = model
        self._timeout = timeout

    @property
    def provider(self) -> str:
        return self._inner.provider

    @property
    def model(self) -> str:
        return self._inner.model

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int) -> Completion:
        """Raises ModelUnavailable also when the answer comes too late or is too long."""
        answer: Future[Completion] = Future()

        def work() -> None:
            try:
                answer.set_result(self._inner.complete(messages, max_tokens=max_tokens))
            except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
                answer.set_exception(error)

        # A daemon thread: a server that never ends its answer holds neither the investigation nor the process' end.
        threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True, name="model").start()
        try:
            completion = answer.result(timeout=self._timeout)
        except TimeoutError:
            raise ModelUnavailable(
                f"model {self.model!r} did not answer within {self._timeout:g} s", hint="see the provider's status"
            ) from None
        if len(completion.text) > LONGEST_ANSWER:
            raise ModelUnavailable(f"model {self.model!r} answered {len(completion.text)} characters")
        return completion
