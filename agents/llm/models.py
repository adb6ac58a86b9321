"""Which model the settings ask for. The libraries behind it load at the first call, not here."""

from __future__ import annotations

from typing import Literal

from agents.llm.deadline import DeadlineChatModel
from agents.llm.errors import ModelUnavailable
from agents.llm.litellm_model import LiteLlmChatModel
from agents.llm.openai_model import OpenAiChatModel
from agents.llm.port import ChatMessage, ChatModel, Completion, ModelCall, OnModelCall
from foundation.errors import InvalidInput

__all__ = [
    "ChatMessage",
    "ChatModel",
    "Completion",
    "LiteLlmChatModel",
    "ModelCall",
    "ModelUnavailable",
    "OnModelCall",
    "OpenAiChatModel",
    "chat_model",
]


def chat_model(
    provider: Literal["openai", "litellm"] | str,
    model: str | None,
    api_key: str | None = None,
    base_url: str | None = None,
    timeout: float = 20.0,
) -> ChatModel:
    """The adapter for `provider`. `timeout`, in seconds, is for the whole answer.

    Raises InvalidInput for a provider or model not given.
    """
    if not model:
        raise InvalidInput("a language model provider is set but no model", hint="set VIGIA__LLM__MODEL")
    if provider == "openai":
        openai = OpenAiChatModel(model=model, api_key=api_key, base_url=base_url, timeout=timeout)
        return DeadlineChatModel(openai, timeout)
    if provider == "litellm":
        litellm = LiteLlmChatModel(model=model, api_key=api_key, base_url=base_url, timeout=timeout)
        return DeadlineChatModel(litellm, timeout)
    raise InvalidInput(f"{provider!r} is not a language model provider", hint="openai or litellm")
