"""Who writes the prose: templates, or the language model of the settings held to the evidence."""

from __future__ import annotations

from agents.llm.budgeted import BudgetedChatModel
from agents.llm.models import ChatModel, chat_model
from agents.llm.narrative import Narrator
from agents.llm.narrator import ModelNarrator
from agents.llm.port import ModelCall, OnModelCall
from agents.llm.template import TemplateNarrator
from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.telemetry.logs import bound_ids
from interfaces.bootstrap.budgets import make_budget
from interfaces.bootstrap.foundations import Foundations
from interfaces.bootstrap.redaction import redactor
from interfaces.settings import Settings
from tools.act import action_types


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


def budgeted_model(base: Foundations) -> ChatModel | None:
    """The model of the settings behind the budget: beyond it, it is as if it were not there."""
    model = make_model(base.settings)
    return None if model is None else BudgetedChatModel(model, make_budget(base))


def make_narrator(base: Foundations) -> Narrator:
    model = budgeted_model(base)
    if model is None:
        return TemplateNarrator()
    return ModelNarrator(
        model,
        redactor(base.settings),
        TemplateNarrator(),
        on_call=audited_calls(base.audit, "agent:incident"),
        unspoken=action_types(),
    )


def audited_calls(audit: AuditLog, actor: str) -> OnModelCall:
    """Every call to a model is in the log: which, how much, and a digest of what it was sent, never the text."""

    def record(call: ModelCall) -> None:
        audit.append(
            AuditRecord(
                action="model.called",
                actor=actor,
                subject=f"{call.provider}:{call.model}",
                incident_id=bound_ids().get("incident_id"),
                payload=call.model_dump(mode="json"),
            )
        )

    return record
