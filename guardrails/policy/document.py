"""What a policy file may say. Everything is checked when it is read; nothing in here is guessed."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from foundation.frozen import Frozen
from guardrails.policy.hours import Hours
from guardrails.policy.types import AnyTier, ApproverRole, Effect, Verb
from platform_core.access.principals import Environment, Role

Globs = Annotated[tuple[str, ...], Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
ALL_TIERS: tuple[AnyTier, ...] = ("read", "reversible", "costly", "irreversible")
ALL_ENVIRONMENTS: tuple[Environment, ...] = ("dev", "staging", "production")


class Match(Frozen):
    """A question matches when every field that is given matches. Globs as in fnmatch (`scale_*`).

    `tenants` without `*` never matches a thing that belongs to no tenant. `requester_roles` matches when the requester
    holds one of them. `hours` matches inside the weekly window.
    """

    tools: Globs
    tiers: Annotated[tuple[AnyTier, ...], Field(min_length=1)]
    environments: Annotated[tuple[Environment, ...], Field(min_length=1)]
    tenants: Globs = ("*",)
    requester_roles: frozenset[Role] = frozenset()
    hours: Hours | None = None


class Rule(Frozen):
    """What happens to what matches. Only `require_approval` has approvers."""

    name: Name
    description: str
    match: Match
    effect: Effect
    approvers_needed: int = Field(default=0, ge=0, le=10)
    approver_roles: frozenset[ApproverRole] = frozenset()
    approver_ids: frozenset[str] = frozenset()
    """The M of N of M: when given, only these people count, and they need one of the roles too."""

    requester_may_approve: bool = False
    max_blast_radius_endpoints: int | None = Field(default=None, ge=0)
    """Anything that reaches more endpoints than this is denied; likewise the next two."""

    max_blast_radius_models: int | None = Field(default=None, ge=0)
    max_blast_radius_feature_views: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        asks = self.effect == "require_approval"
        if asks and (self.approvers_needed < 1 or not self.approver_roles):
            raise ValueError("require_approval needs approvers_needed of at least 1 and approver_roles")
        if not asks and (
            self.approvers_needed or self.approver_roles or self.approver_ids or self.requester_may_approve
        ):
            raise ValueError(f"effect {self.effect} takes no approvers; did you mean require_approval?")
        if self.approver_ids and len(self.approver_ids) < self.approvers_needed:
            raise ValueError(f"{self.approvers_needed} of {len(self.approver_ids)} named approvers can never be had")
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

    name: Name
    reason: str
    start: AwareDatetime
    end: AwareDatetime
    environments: Annotated[tuple[Environment, ...], Field(min_length=1)] = ("production",)
    tenants: Globs = ("*",)
    except_tools: tuple[str, ...] = ()
    """Globs of tools that stay possible, such as a rollback."""

    @model_validator(mode="after")
    def _forward(self) -> Freeze:
        for moment in (self.start, self.end):
            try:
                moment.astimezone(UTC)
            except OverflowError as error:
                raise ValueError(f"{moment.isoformat()} is no moment in UTC") from error
        if self.end <= self.start:
            raise ValueError(f"the freeze ends ({self.end.isoformat()}) before it starts ({self.start.isoformat()})")
        return self


class Grant(Frozen):
    """Who may see, propose or execute what. Without a grant that matches, nobody may. Approving is a rule's matter.

    A principal is meant by its id (`principals`, globs) or by a role it holds.
    """

    name: Name
    may: Annotated[tuple[Verb, ...], Field(min_length=1)]
    principals: tuple[str, ...] = ()
    roles: frozenset[Role] = frozenset()
    tools: Globs = ("*",)
    tiers: Annotated[tuple[AnyTier, ...], Field(min_length=1)] = ALL_TIERS
    environments: Annotated[tuple[Environment, ...], Field(min_length=1)] = ALL_ENVIRONMENTS
    tenants: Globs = ("*",)
    hours: Hours | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Grant:
        if not self.principals and not self.roles:
            raise ValueError("a grant is for somebody: give principals or roles")
        return self


class BreakGlassRules(Frozen):
    """What breaking the glass lifts, for how long, and who may. It never lifts a denial, a blast-radius limit, the
    kill switch, or the need for a person other than the requester."""

    roles: frozenset[ApproverRole] = frozenset({"approver", "admin"})
    max_minutes: int = Field(default=30, ge=1, le=120)
    lifts: tuple[Literal["freezes", "approvers"], ...] = ("freezes", "approvers")
    """`freezes`: a freeze no longer denies; `approvers`: one approval is enough."""


DEFAULT_GRANTS: tuple[Grant, ...] = (
    Grant(
        name="people-see",
        may=("see",),
        roles=frozenset({"viewer", "responder", "oncall", "approver", "admin"}),
        principals=("agent:*", "service:*"),
    ),
    Grant(
        name="agents-and-responders-propose",
        may=("propose",),
        principals=("agent:*",),
        roles=frozenset({"responder", "oncall", "approver", "admin"}),
    ),
    Grant(name="the-worker-executes", may=("execute",), principals=("service:worker",)),
)
"""What holds when a file says nothing of grants. `grants: []` in a file leaves nobody any."""


class PolicyDocument(Frozen):
    version: Literal[1]
    rules: tuple[Rule, ...]
    freezes: tuple[Freeze, ...] = ()
    grants: tuple[Grant, ...] = DEFAULT_GRANTS
    break_glass: BreakGlassRules = Field(default_factory=BreakGlassRules)

    @model_validator(mode="after")
    def _distinct(self) -> PolicyDocument:
        names = [item.name for item in (*self.rules, *self.freezes, *self.grants)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names used twice: {', '.join(twice)}")
        return self
