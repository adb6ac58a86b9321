"""`vigia ask`."""

from __future__ import annotations

from agents.chat.ask import Ask
from agents.chat.types import Answer
from foundation.errors import Unauthenticated
from guardrails.policy.policy import PolicySource
from interfaces.bootstrap.budgets import make_budget
from interfaces.bootstrap.foundations import Foundations, open_existing
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.language import audited_calls, budgeted_model
from interfaces.bootstrap.platform import platform_view
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.stores import make_incidents
from interfaces.bootstrap.tool_calls import audited_runs
from interfaces.principals import open_directory
from interfaces.settings import Settings
from tools.act import action_types
from tools.registry import observe_tools
from tools.runner import ToolRunner


def make_ask(base: Foundations, policy: PolicySource) -> Ask:
    platform = platform_view(base)
    tools = observe_tools()
    redacts = redactor(base.settings)
    return Ask(
        catalog=platform.catalog,
        lineage=platform.lineage,
        runner=ToolRunner(
            platform,
            tools,
            redact=redacts.redact,
            budget=make_budget(base),
            on_run=audited_runs(base.audit, "agent:chat"),
        ),
        tools=tools,
        incidents=make_incidents(base),
        approvals=make_approvals(base, policy),
        redactor=redacts,
        model=budgeted_model(base),
        on_call=audited_calls(base.audit, "agent:chat"),
        unspoken=action_types(),
    )


def answer_question(settings: Settings, question: str, *, api_key: str | None) -> Answer:
    """Raises Unauthenticated without a key: what may be seen depends on who asks."""
    if not api_key:
        raise Unauthenticated("who is asking?", hint="set VIGIA_API_KEY")
    principal = open_directory(settings.principals_file, settings.environment).by_api_key(api_key)
    return make_ask(open_existing(settings), make_policy(settings)).answer(question, principal)
