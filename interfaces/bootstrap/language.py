"""Who writes the prose: templates, or the language model of the settings held to the evidence."""

from __future__ import annotations

from agents.llm.models import ChatModel, chat_model
from agents.llm.narrative import Narrator
from agents.llm.narrator import ModelNarrator
from agents.llm.template import TemplateNarrator
from guardrails.redaction.engine import Redactor
from interfaces.bootstrap.foundations import Foundations
from interfaces.settings import Settings


def make_model(settings: Settings) -> ChatModel | None:
    """None when no provider is set."""
    llm = settings.llm
    if llm.provider == "none":
        return None
    return chat_model(
        llm.provider,
        llm.model,
        llm.api_key.get_secret_value() if llm.api_key else None,
        str(llm.base_url) if llm.base_url else None,
        llm.timeout_seconds,
    )


def make_narrator(base: Foundations) -> Narrator:
    model = make_model(base.settings)
    if model is None:
        return TemplateNarrator()
    return ModelNarrator(model, Redactor(base.redaction_key()), TemplateNarrator())
