"""The port to a language model, whoever serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from foundation.frozen import Frozen


class ChatMessage(Frozen):
    role: Literal["system", "user", "assistant"]
    content: str


class Completion(Frozen):
    """`cost_usd` is None where no price is known."""

    text: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float | None = None


class ChatModel(Protocol):
    """One question, one answer, no streaming: a narrator has nothing to show before its sentences are checked."""

    @property
    def provider(self) -> str:
        """For telemetry and audit: `openai`, `litellm`, …"""
        ...

    @property
    def model(self) -> str: ...

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int) -> Completion:
        """Raises ModelUnavailable, and nothing else, for every fault of the model, its server or the network."""
        ...


class ModelCall(Frozen):
    """What there is to audit about one call: never the text, only its digest.

    `prompt_digest` is SHA-256 over the canonical messages as they were sent, after redaction.
    """

    provider: str
    model: str
    purpose: str
    outcome: Literal["answered", "failed"]
    prompt_digest: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    wall_ms: float
    error: str | None = None


OnModelCall = Callable[[ModelCall], None]
"""Told of every call, answered or not, so that the caller can audit it."""
