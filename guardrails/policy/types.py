"""What the policy is asked and what it answers. What a file may say is in `guardrails.policy.document`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from foundation.frozen import Frozen
from guardrails.proposal import ActionProposal, Tier
from platform_core.access.principals import Environment, Role

Effect = Literal["allow", "require_approval", "deny"]
AnyTier = Tier | Literal["read"]
"""`read` changes nothing; the other three are those of proposals."""

ApproverRole = Literal["oncall", "approver", "admin"]
Verb = Literal["see", "propose", "execute"]


class PolicyQuestion(Frozen):
    """May `tool` be used like this, now? The counts are of what lies downstream of its target. `break_glass`: somebody
    broke the glass for this tenant and environment, and it still holds."""

    tool: str
    tier: AnyTier
    environment: Environment
    tenant: str | None
    requester_roles: frozenset[Role] = frozenset()
    endpoints: int = Field(default=0, ge=0)
    models: int = Field(default=0, ge=0)
    feature_views: int = Field(default=0, ge=0)
    break_glass: bool = False
    at: datetime

    @classmethod
    def about(
        cls,
        proposal: ActionProposal,
        *,
        at: datetime,
        requester_roles: frozenset[Role] = frozenset(),
        break_glass: bool = False,
    ) -> PolicyQuestion:
        radius = proposal.blast_radius
        return cls(
            tool=proposal.tool,
            tier=proposal.tier,
            environment=proposal.environment,
            tenant=proposal.tenant,
            requester_roles=requester_roles,
            endpoints=len(radius.endpoints),
            models=radius.models,
            feature_views=radius.feature_views,
            break_glass=break_glass,
            at=at,
        )


class PolicyVerdict(Frozen):
    """`rule` names the rule, or the freeze, that decided; `none` when nothing matched, which is a denial."""

    effect: Effect
    rule: str
    reason: str
    approvers_needed: int = 0
    approver_roles: frozenset[ApproverRole] = frozenset()
    approver_ids: frozenset[str] = frozenset()
    """When not empty, only these people count."""

    requester_may_approve: bool = False


class MayDecide(Frozen):
    """Whether a principal may, and why (not). Says so in a sentence that can be shown."""

    allowed: bool
    reason: str


class Considered(Frozen):
    """A freeze, rule or grant that was looked at, and what came of it. `why` is a sentence for people."""

    kind: Literal["freeze", "rule", "floor", "grant"]
    name: str
    outcome: Literal["decided", "counted", "passed over"]
    why: str


class Explanation(PolicyVerdict):
    """A verdict with its reasons: what decided, what else counted, and why the rest did not."""

    policy_sha256: str
    considered: tuple[Considered, ...]
