"""Any OpenAI-compatible endpoint, through langchain-openai: the provider itself, vLLM, Ollama, a gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agents.llm.errors import ModelUnavailable
from agents.llm.port import ChatMessage, Completion

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI


class OpenAiChatModel:
    """Retries are the caller's business: the SDK obeys a `Retry-After` of up to a minute, and an engineer who was
    paged reads the deterministic prose long before that."""

    provider = "openai"

    def __init__(
        self,
        *,
        model: str,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 20.0,
        max_retries: int = 0,
    ) -> None:
        self.model: str = model
        self._api_key = api_key or "none"  # local servers ask for no key, the SDK insists on one
        self._base_url = base_url
        self._timeout = timeout
        self._max_retries = max_retries
        self._client: ChatOpenAI | None = None

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int) -> Completion:
        """Ask once. LangSmith tracing stays off whatever the environment says: prompts go to the model only."""
        from langsmith.run_helpers import tracing_context

        try:
            with tracing_context(enabled=False):
                answer = self._connected().invoke([(m.role, m.content) for m in messages], max_tokens=max_tokens)
        except Exception as error:  # the SDKs raise outside their own hierarchy (JSONDecodeError, httpx)
            raise ModelUnavailable(
                f"model {self.model!r} did not answer: {type(error).__name__}", hint="see the provider's status"
            ) from error
        text = answer.text
        if not text.strip():
            refused = bool(answer.additional_kwargs.get("refusal"))
            raise ModelUnavailable(f"model {self.model!r} {'refused' if refused else 'answered nothing'}")
        usage = answer.usage_metadata
        return Completion(
            text=text,
            model=str(answer.response_metadata.get("model_name") or self.model),
            input_tokens=usage["input_tokens"] if usage else 0,
            output_tokens=usage["output_tokens"] if usage else 0,
        )

    def _connected(self) -> ChatOpenAI:
        if self._client is None:
            from langchain_openai import ChatOpenAI

            self._client = ChatOpenAI(
                model=self.model,
                api_key=lambda: self._api_key,  # asked for at each call, kept out of the client's repr
                base_url=self._base_url,
                timeout=self._timeout,
                max_retries=self._max_retries,
            )
        return self._client
