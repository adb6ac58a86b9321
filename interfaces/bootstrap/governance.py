"""Policy, approvals and redaction, as every process gets them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast, get_args

from foundation.errors import InvalidInput
from foundation.nearest import did_you_mean
from guardrails.approvals.break_glass import BreakGlass
from guardrails.approvals.delegation import Delegations
from guardrails.approvals.glass_watch import GlassNotifier, GlassWatch
from guardrails.approvals.reminders import ReminderNotifier, Reminders, ReminderStep
from guardrails.approvals.service import ApprovalService
from guardrails.policy.adoption import PolicyRecorder
from guardrails.policy.document import BreakGlassRules
from guardrails.policy.explaining import explain
from guardrails.policy.live import LivePolicy
from guardrails.policy.loading import DEFAULT_POLICY
from guardrails.policy.policy import Policy, PolicySource
from guardrails.policy.types import Explanation, PolicyQuestion
from interfaces.bootstrap.foundations import Foundations, make_clock, open_existing
from interfaces.principals import open_directory
from interfaces.settings import Settings
from platform_core.access.principals import Environment, Role


def make_policy(settings: Settings) -> Policy:
    """As the file is now, for a command that is over in a moment."""
    return Policy.load(settings.policy_path)


def live_policy(base: Foundations, *, actor: str) -> LivePolicy:
    """For a process that stays: it follows the file, and tells the audit log of every change."""
    recorder = PolicyRecorder(base.engine, base.clock, base.audit, actor=actor)
    path = base.settings.policy_path or DEFAULT_POLICY
    return LivePolicy(path, adopt=recorder.adopted, refused=recorder.refused)


def make_approvals(base: Foundations, policy: PolicySource) -> ApprovalService:
    settings = base.settings.approvals
    return ApprovalService(
        base.engine,
        base.clock,
        base.audit,
        policy,
        expires_after=timedelta(minutes=settings.expires_after_minutes),
        grant_expires_after=timedelta(minutes=settings.grant_expires_after_minutes or settings.expires_after_minutes),
        people=open_directory(base.settings.principals_file, base.settings.environment).get,
    )


def make_reminders(base: Foundations, notifiers: tuple[ReminderNotifier, ...] = ()) -> Reminders:
    first = timedelta(minutes=base.settings.approvals.remind_after_minutes)
    steps = (
        ReminderStep(after=first, kind="reminder", roles=("oncall",)),
        ReminderStep(after=2 * first, kind="escalation", roles=("approver",)),
        ReminderStep(after=4 * first, kind="escalation", roles=("approver", "admin")),
    )
    return Reminders(base.engine, base.clock, base.audit, notifiers, steps=steps)


def make_glass_watch(base: Foundations, notifiers: tuple[GlassNotifier, ...] = ()) -> GlassWatch:
    """A policy file that cannot be read just now does not keep anybody from hearing of it."""

    def may_review() -> frozenset[Role]:
        try:
            return frozenset(make_policy(base.settings).document.break_glass.roles)
        except InvalidInput:
            return frozenset(BreakGlassRules().roles)

    return GlassWatch(base.engine, base.clock, base.audit, may_review, notifiers)


def make_break_glass(settings: Settings) -> BreakGlass:
    base = open_existing(settings)
    return BreakGlass(base.engine, base.clock, base.audit, make_policy(settings))


def make_delegations(settings: Settings) -> Delegations:
    base = open_existing(settings)
    people = open_directory(settings.principals_file, settings.environment).get
    return Delegations(base.engine, base.clock, base.audit, people)


def explain_policy(
    settings: Settings,
    *,
    tool: str,
    environment: str,
    tenant: str | None,
    endpoints: int = 0,
    roles: frozenset[str] = frozenset(),
    at: datetime | None = None,
    break_glass: bool = False,
) -> Explanation:
    """How the policy judges `tool`, and why. Raises InvalidInput for an action, environment or role that does not
    exist."""
    from tools.act import action_types

    if environment not in get_args(Environment):
        raise InvalidInput(f"{environment!r} is not an environment", hint=f"one of {', '.join(get_args(Environment))}")
    odd = sorted(roles - set(get_args(Role)))
    if odd:
        raise InvalidInput(f"{odd[0]!r} is not a role", hint=f"one of {', '.join(get_args(Role))}")
    known = action_types()
    if tool not in known:
        raise InvalidInput(f"there is no action {tool!r}", hint=did_you_mean(tool, sorted(known)))
    question = PolicyQuestion(
        tool=tool,
        tier=known[tool].tier,
        environment=cast(Environment, environment),
        tenant=tenant,
        requester_roles=cast("frozenset[Role]", roles),
        endpoints=endpoints,
        break_glass=break_glass,
        at=at or make_clock(settings).now(),
    )
    return explain(make_policy(settings), question, proposer="agent:incident", executor="service:worker")
