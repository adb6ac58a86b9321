"""Policy, approvals and redaction, as every process gets them."""

from __future__ import annotations

import difflib
from datetime import timedelta
from typing import cast, get_args

from foundation.errors import InvalidInput
from guardrails.approvals.service import ApprovalService
from guardrails.policy.policy import Policy
from guardrails.policy.types import PolicyQuestion, PolicyVerdict
from interfaces.bootstrap.foundations import Foundations, make_clock
from interfaces.bootstrap.redaction import redactor
from interfaces.settings import Settings
from platform_core.access.principals import Environment

__all__ = ["explain_policy", "make_approvals", "make_policy", "redactor"]


def make_policy(settings: Settings) -> Policy:
    return Policy.load(settings.policy_path)


def make_approvals(base: Foundations, policy: Policy) -> ApprovalService:
    return ApprovalService(
        base.engine,
        base.clock,
        base.audit,
        policy,
        expires_after=timedelta(minutes=base.settings.approvals.expires_after_minutes),
    )


def explain_policy(settings: Settings, *, tool: str, environment: str, tenant: str | None) -> PolicyVerdict:
    """How the policy judges `tool`. Raises InvalidInput for an action or environment that does not exist."""
    from tools.act import action_types

    if environment not in get_args(Environment):
        raise InvalidInput(f"{environment!r} is not an environment", hint=f"one of {', '.join(get_args(Environment))}")
    known = action_types()
    if tool not in known:
        close = difflib.get_close_matches(tool, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(sorted(known))}"
        raise InvalidInput(f"there is no action {tool!r}", hint=hint)
    question = PolicyQuestion(
        tool=tool,
        tier=known[tool].tier,
        environment=cast(Environment, environment),
        tenant=tenant,
        at=make_clock(settings).now(),
    )
    return make_policy(settings).judge(question)
