"""Any provider that LiteLLM knows, by its `provider/model` names, with its price list for the cost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from agents.llm.errors import ModelUnavailable
from agents.llm.port import ChatMessage, Completion


class LiteLlmChatModel:
    provider = "litellm"

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
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = timeout
        self._max_retries = max_retries

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int) -> Completion:
        """Ask once."""
        try:
            library = _litellm()
            answer: Any = library.completion(
                model=self.model,
                messages=[message.model_dump() for message in messages],
                api_base=self._base_url,
                api_key=self._api_key,
                timeout=self._timeout,
                max_retries=self._max_retries,
                max_tokens=max_tokens,
                drop_params=True,
            )
            text = answer.choices[0].message.content or ""
        except Exception as error:  # litellm passes on whatever its hundred providers' clients raise
            raise ModelUnavailable(
                f"model {self.model!r} did not answer: {type(error).__name__}", hint="see the provider's status"
            ) from error
        if not text.strip():
            raise ModelUnavailable(f"model {self.model!r} answered nothing")
        usage = getattr(answer, "usage", None)
        return Completion(
            text=text,
            model=str(answer.model or self.model),
            input_tokens=getattr(usage, "prompt_tokens", 0) or 0,
            output_tokens=getattr(usage, "completion_tokens", 0) or 0,
            cost_usd=_cost(library, answer),
        )


def _litellm() -> ModuleType:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import downloads the price list
    import litellm

    litellm.suppress_debug_info = True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Else it asks the thread for a loop, and the one that is made for it is closed by nobody; without one it uses,
        # and closes, its own.
        asyncio.set_event_loop(None)
    return litellm


def _cost(library: ModuleType, answer: Any) -> float | None:
    try:
        return float(library.completion_cost(completion_response=answer))
    except Exception:  # noqa: BLE001 a model without a price raises one of several types; the answer stands without
        return None
