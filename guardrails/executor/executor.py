"""The only caller of `Action.apply`, and the only holder of its credentials.

Why an effect happens once, whatever crashes:

1. *Claim before effect.* One transaction takes the approval (a conditional UPDATE), inserts the execution (unique per
   approval) and appends `action.started`, after policy, freezes and roles were asked. If any of it fails,
   nothing was done and nothing will be.
2. *The execution's id is the idempotency key.* The target answers a key it has seen with its first answer.
3. *The approved revision goes with it.* A target that somebody changed meanwhile refuses.

A process that dies between claim and outcome leaves a row in `started`. Reconciling asks the target by the key. Found:
the effect happened, the outcome is recorded. Not found: it did not happen, or it is still on its way; applying again
with the same key is right in both cases, since the second arrival of a key changes nothing (2), and a target without
that promise still refuses the second (3). It is applied again only while the grant lasts, the kill switch is released
and policy does not deny.

An execution has failed only when the target has said so for good: it *withdraws* the key, and whatever another process
may still have under way is refused on arrival. Until the target answers that, the outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.engine import Engine

from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, Unavailable, VigiaError
from foundation.ids import new_id
from foundation.outside_text import OutsideText, Redact, unredacted
from guardrails.approvals import store as approvals_store
from guardrails.approvals.people import People
from guardrails.approvals.rights import Rights
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.skew import require_sane_clock
from guardrails.approvals.switch import require_released
from guardrails.approvals.types import ApprovalRequest
from guardrails.executor import checks, store
from guardrails.executor.boundary import answer
from guardrails.executor.claiming import Claims, SpendsActions
from guardrails.executor.errors import TargetMoved
from guardrails.executor.in_flight import InFlight
from guardrails.executor.port import Action, ActionExecution, ExecutionStatus
from guardrails.executor.tables import executions
from guardrails.policy.policy import PolicySource
from guardrails.proposal import ActionReceipt


class Executor:
    """`actions` by tool name; `people` says who somebody is today, since a role may have been revoked since they
    decided; `actor` is the principal id under which targets are changed, e.g. `service:worker`, and must be granted to
    execute by the policy; `budget` bounds how many actions an incident, a day and a tenant may see."""

    def __init__(  # noqa: PLR0917 - one collaborator each, wired once in bootstrap
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        approvals: ApprovalService,
        policy: PolicySource,
        actions: Mapping[str, Action],
        *,
        people: People,
        actor: str,
        budget: SpendsActions | None = None,
        redact: Redact = unredacted,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._approvals = approvals
        self._rights = Rights(policy, people)
        self._people = people
        self._actions = dict(actions)
        self._actor = actor
        self._outside = OutsideText(redact)
        self._claims = Claims(engine, clock, audit, self._rights, people, actor=actor, budget=budget)
        self._in_flight = InFlight()

    def execute(self, approval_id: str) -> ActionExecution:
        """Do what was approved, at most once, and say what came of it.

        An approval that has an execution returns it, reconciled with the target first if its outcome is open. Raises
        NotFound; Conflict when it is not approved or the kill switch is engaged; TargetMoved when the target is not
        what was approved (the approval is then void); Forbidden when policy denies it now, or would no longer accept
        those who approved, or the audit log does not know of the approval, or the budget is spent; Unavailable when the
        database, the audit log or the planner cannot be reached, or the clock is wrong. In all of these cases nothing
        was done.
        """
        existing = self.for_approval(approval_id)
        if existing is not None:
            return self._reconcile(existing)
        request = self._approvals.get(approval_id)
        if request.status != "approved":
            return self._taken(approval_id)
        action = self._action(request)
        self._require_policy(request)
        try:
            checks.require_same_target(action, request)
        except TargetMoved as moved:
            # Where it was another process that moved it, by executing this very approval, there is nothing to void.
            reason = f"target moved: {moved.message}"[:400]
            if not self._approvals.void(approval_id, actor=self._actor, reason=reason):
                return self._taken(approval_id)
            raise
        execution = ActionExecution(
            id=new_id("exe"),
            approval_id=request.id,
            incident_id=request.proposal.incident_id,
            status="started",
            started_at=self._clock.now(),
        )
        with self._in_flight.holding(execution.id):
            if self._claims.take(execution, request):
                return self._apply(execution, request, action)
        return self._taken(approval_id)

    def for_approval(self, approval_id: str) -> ActionExecution | None:
        with reading(self._engine) as connection:
            found = store.read_executions(connection, executions.c.approval_id == approval_id)
        return found[0] if found else None

    def reconcile(self) -> list[ActionExecution]:
        """Settle every execution whose outcome is open, as after a crash; each as it stands afterwards."""
        with reading(self._engine) as connection:
            open_ones = store.read_executions(connection, executions.c.status.in_(store.OPEN))
        return [self._reconcile(execution) for execution in open_ones]

    def _require_policy(self, request: ApprovalRequest) -> None:
        with reading(self._engine) as connection:
            now = require_sane_clock(connection, self._clock)
            checks.require_policy(connection, self._rights, request, now, self._people, actor=self._actor)

    def _taken(self, approval_id: str) -> ActionExecution:
        """The execution that another caller made of it; Conflict when there is none and there will be none."""
        existing = self.for_approval(approval_id)
        if existing is not None:
            return self._reconcile(existing)
        status = self._approvals.get(approval_id).status
        ran_out = ", but its grant ran out" if status == "approved" else ""
        raise Conflict(f"{approval_id} is {status}{ran_out}: only what is approved is executed")

    def _apply(self, execution: ActionExecution, request: ApprovalRequest, action: Action) -> ActionExecution:
        proposal = request.proposal
        people = ", ".join(made.principal_id for made in request.decisions if made.verdict == "approve")
        try:
            receipt = answer(
                lambda: action.apply(
                    proposal.arguments,
                    expected_revision=proposal.plan.target_revision,
                    idempotency_key=execution.id,
                    actor=self._actor,
                    reason=f"{request.id}, approved by {people}",
                )
            )
        except Unavailable as error:
            return self._settle(execution, request, "unknown", error=error.message)
        except VigiaError as error:
            return self._given_up(execution, request, action, error.message)
        return self._settle(execution, request, "succeeded", receipt=receipt)

    def _given_up(
        self, execution: ActionExecution, request: ApprovalRequest, action: Action, reason: str
    ) -> ActionExecution:
        """Failed for `reason`, unless it turns out that the target has done it (and refused a repetition, say)."""
        try:
            receipt = answer(lambda: action.withdraw(execution.id, actor=self._actor))
        except VigiaError as error:
            return self._settle(execution, request, "unknown", error=error.message)
        if receipt is not None:
            return self._settle(execution, request, "succeeded", receipt=receipt)
        return self._settle(execution, request, "failed", error=reason)

    def _reconcile(self, execution: ActionExecution) -> ActionExecution:
        if execution.status not in store.OPEN:
            return execution
        with self._in_flight.holding(execution.id) as mine:
            if not mine:
                return execution
            # As it is now: whoever held it before may have settled it since it was read.
            execution = self.for_approval(execution.approval_id) or execution
            if execution.status not in store.OPEN:
                return execution
            request = self._approvals.get(execution.approval_id)
            try:
                action = self._action(request)
                receipt = answer(lambda: action.find(execution.id))
                if receipt is not None:
                    return self._settle(execution, request, "succeeded", receipt=receipt)
                return self._apply_again(execution, request, action)
            except VigiaError as error:
                # Cannot be known or may not be done now: it stays open and is tried again.
                return self._settle(execution, request, "unknown", error=error.message)

    def _apply_again(self, execution: ActionExecution, request: ApprovalRequest, action: Action) -> ActionExecution:
        with reading(self._engine) as connection:
            now = require_sane_clock(connection, self._clock)
            ends = store.grant_ends(connection, request.id)
            over = ends is None or ends <= now
            if not over:
                require_released(connection)
                approvals_store.require_untouched(connection, request)
                checks.require_recorded(connection, request)
        if over:
            reason = "claimed but not applied before the approval ran out: the target has no record of it"
            return self._given_up(execution, request, action, reason)
        self._require_policy(request)
        return self._apply(execution, request, action)

    def _settle(
        self,
        execution: ActionExecution,
        request: ApprovalRequest,
        status: ExecutionStatus,
        *,
        receipt: ActionReceipt | None = None,
        error: str | None = None,
    ) -> ActionExecution:
        """Store the outcome with its audit entry; what is stored already wins."""
        ended = None if status == "unknown" else self._clock.now()
        # what a target answers is text from outside: row and audit log keep it as it may be kept
        said = self._outside.optional(error)
        outcome = execution.model_copy(update={"status": status, "ended_at": ended, "receipt": receipt, "error": said})
        with transaction(self._engine) as connection:
            if store.settle(connection, outcome):
                self._audit.append(store.record(outcome, request, self._actor), connection=connection)
            return store.read_executions(connection, executions.c.id == execution.id)[0]

    def _action(self, request: ApprovalRequest) -> Action:
        action = self._actions.get(request.proposal.tool)
        if action is None:
            known = ", ".join(sorted(self._actions)) or "none"
            raise Forbidden(f"there is no action {request.proposal.tool!r}", hint=f"this executor has: {known}")
        return action
