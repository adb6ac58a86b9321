"""What the policy is asked, what it answers, and what a policy file may say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from foundation.frozen import Frozen
from guardrails.proposal import ActionProposal, Tier
from platform_core.access.principals import Environment, Role

Effect = Literal["allow", "require_approval", "deny"]
AnyTier = Tier | Literal["read"]
"""`read` changes nothing; the other three are those of proposals."""

ApproverRole = Literal["oncall", "approver", "admin"]
Globs = Annotated[tuple[str, ...], Field(min_length=1)]


class PolicyQuestion(Frozen):
    """May `tool` be used like this, now? `endpoints` counts the endpoints downstream of its target."""

    tool: str
    tier: AnyTier
    environment: Environment
    tenant: str | None
    requester_roles: frozenset[Role] = frozenset()
    endpoints: int = Field(default=0, ge=0)
    at: datetime

    @classmethod
    def about(
        cls, proposal: ActionProposal, *, at: datetime, requester_roles: frozenset[Role] = frozenset()
    ) -> PolicyQuestion:
        return cls(
            tool=proposal.tool,
            tier=proposal.tier,
            environment=proposal.environment,
            tenant=proposal.tenant,
            requester_roles=requester_roles,
            endpoints=len(proposal.blast_radius.endpoints),
            at=at,
        )


class PolicyVerdict(Frozen):
    """`rule` names the rule, or the freeze, that decided; `none` when nothing matched, which is a denial."""

    effect: Effect
    rule: str
    reason: str
    approvers_needed: int = 0
    approver_roles: frozenset[ApproverRole] = frozenset()
    requester_may_approve: bool = False


class MayDecide(Frozen):
    """Whether a principal may decide on a proposal, and why (not). Says so in a sentence that can be shown."""

    allowed: bool
    reason: str


class Match(Frozen):
    """A question matches when every field that is given matches. Globs as in fnmatch (`scale_*`).

    `tenants` without `*` never matches a thing that belongs to no tenant. `requester_roles` matches when the requester
    holds one of them.
    """

    tools: Globs
    tiers: Annotated[tuple[AnyTier, ...], Field(min_length=1)]
    environments: Annotated[tuple[Environment, ...], Field(min_length=1)]
    tenants: Globs = ("*",)
    requester_roles: frozenset[Role] = frozenset()


class Rule(Frozen):
    """What happens to what matches. Only `require_approval` has approvers."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    description: str
    match: Match
    effect: Effect
    approvers_needed: int = Field(default=0, ge=0, le=10)
    approver_roles: frozenset[ApproverRole] = frozenset()
    requester_may_approve: bool = False
    max_blast_radius_endpoints: int | None = Field(default=None, ge=0)
    """Anything that reaches more endpoints than this is denied."""

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        asks = self.effect == "require_approval"
        if asks and (self.approvers_needed < 1 or not self.approver_roles):
            raise ValueError("require_approval needs approvers_needed of at least 1 and approver_roles")
        if not asks and (self.approvers_needed or self.approver_roles or self.requester_may_approve):
            raise ValueError(f"effect {self.effect} takes no approvers; did you mean require_approval?")
        if self.effect == "allow" and "production" in self.match.environments and set(self.match.tiers) != {"read"}:
            raise ValueError(
                "nothing that changes production is allowed without an approval: "
                "use require_approval, leave production out, or match tiers: [read] only"
            )
        if "production" in self.match.environments and self.requester_may_approve:
            raise ValueError("in production the requester never approves: take requester_may_approve out")
        return self


class Freeze(Frozen):
    """A window, start <= t < end, in which nothing that matches may change. Reads go on."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    reason: str
    start: AwareDatetime
    end: AwareDatetime
    environments: Annotated[tuple[Environment, ...], Field(min_length=1)] = ("production",)
    tenants: Globs = ("*",)
    except_tools: tuple[str, ...] = ()
    """Globs of tools that stay possible, such as a rollback."""

    @model_validator(mode="after")
    def _forward(self) -> Freeze:
        if self.end <= self.start:
            raise ValueError(f"the freeze ends ({self.end.isoformat()}) before it starts ({self.start.isoformat()})")
        return self


class PolicyDocument(Frozen):
    version: Literal[1]
    rules: tuple[Rule, ...]
    freezes: tuple[Freeze, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> PolicyDocument:
        names = [item.name for item in (*self.rules, *self.freezes)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names used twice: {', '.join(twice)}")
        return self
