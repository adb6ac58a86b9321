"""What the executor calls. Implementations live in `tools.act`; only `guardrails.executor` calls `apply`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol

from foundation.frozen import Frozen
from guardrails.proposal import ActionReceipt, Compensation, Plan, PostCondition, Tier

ExecutionStatus = Literal["started", "succeeded", "failed", "unknown"]
"""`unknown`: the target did not answer; reconcile asks it again by the idempotency key and never applies twice."""


class Planner(Protocol):
    """The half of an action that changes nothing. This is all that agents get."""

    @property
    def name(self) -> str: ...
    @property
    def tier(self) -> Tier: ...
    def plan(self, arguments: dict[str, Any]) -> Plan:
        """Raises InvalidInput for arguments that do not fit, NotFound for an unknown target, Conflict for a no-op."""
        ...

    def compensation(self, arguments: dict[str, Any], plan: Plan) -> Compensation | None: ...
    def post_conditions(self, arguments: dict[str, Any], plan: Plan) -> tuple[PostCondition, ...]: ...


class Action(Planner, Protocol):
    """A planner that can also act. It holds the write credential; only the executor is given one."""

    def apply(
        self, arguments: dict[str, Any], *, expected_revision: int, idempotency_key: str, actor: str, reason: str
    ) -> ActionReceipt:
        """Raises Conflict when the target moved, Unavailable when it did not answer (the effect is then unknown)."""
        ...

    def find(self, idempotency_key: str) -> ActionReceipt | None:
        """What the target knows of an earlier apply under this key. Raises Unavailable."""
        ...

    def withdraw(self, idempotency_key: str, *, actor: str) -> ActionReceipt | None:
        """As `find`, and when there was no apply the target refuses one under this key from now on: an answer of None
        is final, also for a request that another process has under way. Raises Unavailable."""
        ...


class ActionExecution(Frozen):
    """At most one per approval, by a unique key."""

    id: str
    approval_id: str
    incident_id: str
    status: ExecutionStatus
    started_at: datetime
    ended_at: datetime | None = None
    receipt: ActionReceipt | None = None
    error: str | None = None
