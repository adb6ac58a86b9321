"""What can be spent, how much of it, and by whom."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from foundation.errors import Forbidden
from foundation.frozen import Frozen

Resource = Literal["tokens", "microdollars", "tool_calls", "actions", "wall_ms"]
RESOURCES: tuple[Resource, ...] = ("tokens", "microdollars", "tool_calls", "actions", "wall_ms")
ScopeKind = Literal["incident", "day", "tenant"]

MOST = 10**12
"""No single amount is larger: what a model's server reports about itself is not to be believed without bounds."""


class Amount(Frozen):
    """Whole numbers; may be negative when a reservation is given back. A dollar has a million `microdollars`."""

    tokens: int = Field(default=0, ge=-MOST, le=MOST)
    microdollars: int = Field(default=0, ge=-MOST, le=MOST)
    tool_calls: int = Field(default=0, ge=-MOST, le=MOST)
    actions: int = Field(default=0, ge=-MOST, le=MOST)
    wall_ms: int = Field(default=0, ge=-MOST, le=MOST)


class Limits(Frozen):
    """At most this much; None is no limit."""

    tokens: int | None = Field(default=None, ge=0)
    microdollars: int | None = Field(default=None, ge=0)
    tool_calls: int | None = Field(default=None, ge=0)
    actions: int | None = Field(default=None, ge=0)
    wall_ms: int | None = Field(default=None, ge=0)


class BudgetLimits(Frozen):
    """Of one incident; of one day (UTC, the platform's clock) over everything; of one tenant on one day."""

    incident: Limits = Limits(
        tokens=200_000, microdollars=2_000_000, tool_calls=2_000, actions=10, wall_ms=20 * 60 * 1000
    )
    day: Limits = Limits(
        tokens=10_000_000, microdollars=100_000_000, tool_calls=200_000, actions=500, wall_ms=24 * 3600 * 1000
    )
    tenant: Limits = Limits(
        tokens=5_000_000, microdollars=50_000_000, tool_calls=100_000, actions=200, wall_ms=24 * 3600 * 1000
    )

    def of(self, kind: ScopeKind) -> Limits:
        limits: Limits = getattr(self, kind)
        return limits


class Spender(NamedTuple):
    """For whom something is spent. Both None: for the day only, as by `vigia ask`."""

    incident_id: str | None = None
    tenant: str | None = None


class Scope(NamedTuple):
    """One row of the ledger: `incident`/inc_…, `day`/2026-11-19, `tenant`/br/2026-11-19."""

    kind: ScopeKind
    key: str


class Spend(Frozen):
    """What was spent in a scope, what it may spend, and what was refused because it would have been more."""

    scope: ScopeKind
    key: str
    spent: Amount
    limits: Limits
    exceeded: tuple[Resource, ...] = ()


class BudgetExceeded(Forbidden):
    """It would cost more than may be spent. Whoever wanted it goes on without it, and says so."""

    code = "budget_exceeded"

    def __init__(self, scope: Scope, resource: Resource, limit: int) -> None:
        super().__init__(
            f"the budget of {scope.kind} {scope.key} is spent: at most {limit} {resource}",
            hint="vigia budgets show; the limits are in the settings under budgets",
        )
        self.scope = scope
        self.resource: Resource = resource
