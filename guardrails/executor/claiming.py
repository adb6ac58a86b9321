"""Taking an approval for one execution: everything that is checked and written in the one transaction before an effect.

The claim is one conditional UPDATE that feeds a uniquely keyed row; whoever loses it has done nothing.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.engine import Connection, Engine

from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import transaction
from guardrails import locks
from guardrails.approvals import store as approvals_store
from guardrails.approvals.people import People
from guardrails.approvals.rights import Rights
from guardrails.approvals.skew import not_before
from guardrails.approvals.switch import refuse_engaged
from guardrails.approvals.types import ApprovalRequest
from guardrails.budgets.types import Amount, BudgetExceeded, Spender
from guardrails.executor import checks, store
from guardrails.executor.port import ActionExecution
from guardrails.executor.standing import standing_of

_ONE_ACTION = Amount(actions=1)


class SpendsActions(Protocol):
    """guardrails.budgets.ledger.BudgetLedger is one."""

    def reserve(self, spender: Spender, amount: Amount, *, connection: Connection | None = None) -> None: ...
    def note(self, exceeded: BudgetExceeded) -> None: ...


class Claims:
    """`rights` and `people` say what policy and roles are at the moment of the claim."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        rights: Rights,
        people: People,
        *,
        actor: str,
        budget: SpendsActions | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._rights = rights
        self._people = people
        self._actor = actor
        self._budget = budget

    def take(self, execution: ActionExecution, request: ApprovalRequest) -> bool:
        """Approval, execution, budget and `action.started` in one transaction; False when the approval is gone.

        Raises Conflict while the kill switch is engaged, Forbidden when policy denies it now or those who approved may
        not any more, the log does not know of the approval or the budget is spent, Unavailable. Nothing is written
        then.
        """
        rights = self._rights.pinned()
        try:
            with transaction(self._engine) as connection:
                locks.going_through(connection)
                standing = standing_of(connection, request.id)
                now = not_before(standing.newest, self._clock)
                started = execution.model_copy(update={"started_at": now})
                refuse_engaged(standing.switch)
                approvals_store.refuse_altered(standing.stored, request)
                checks.require_recorded(connection, request)
                checks.require_policy(connection, rights, request, now, self._people, actor=self._actor)
                if not store.claim(connection, started):
                    return False
                if self._budget is not None:
                    spender = Spender(request.proposal.incident_id, request.proposal.tenant)
                    self._budget.reserve(spender, _ONE_ACTION, connection=connection)
                self._audit.append(store.record(started, request, self._actor), connection=connection)
                return True
        except BudgetExceeded as exceeded:
            if self._budget is not None:
                self._budget.note(exceeded)
            raise
