"""When nobody answers: those who may decide are reminded, then the next ones are called.

A step is written down with its audit entry before anybody is told, so of several workers one makes it; it is told again
until the notifier has taken it, for as long as the request waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import VigiaError
from foundation.frozen import Frozen
from foundation.telemetry.logs import get_logger
from guardrails.approvals import records, store
from guardrails.approvals.tables import approval_reminders, approval_requests
from guardrails.approvals.types import ApprovalRequest
from guardrails.policy.types import ApproverRole

log = get_logger(__name__)


class ReminderStep(Frozen):
    """`after` the request was made (the platform's clock), tell these roles."""

    after: timedelta
    kind: Literal["reminder", "escalation"]
    roles: tuple[ApproverRole, ...]


DEFAULT_STEPS: tuple[ReminderStep, ...] = (
    ReminderStep(after=timedelta(minutes=5), kind="reminder", roles=("oncall",)),
    ReminderStep(after=timedelta(minutes=10), kind="escalation", roles=("approver",)),
    ReminderStep(after=timedelta(minutes=20), kind="escalation", roles=("approver", "admin")),
)


class Reminder(Frozen):
    """What a notifier is handed: which request still waits, how long there is, and whom to call."""

    request: ApprovalRequest
    step: int
    kind: Literal["reminder", "escalation"]
    roles: tuple[ApproverRole, ...]
    waited: timedelta
    left: timedelta


class ReminderNotifier(Protocol):
    """Where people are told. Called at least once per step; must cope with repeats. May raise VigiaError."""

    def remind(self, reminder: Reminder) -> None: ...


class Reminders:
    """`steps` in order of time. Without a notifier the steps are still made and audited: the console and the timeline
    show them."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        notifiers: Sequence[ReminderNotifier] = (),
        *,
        steps: Sequence[ReminderStep] = DEFAULT_STEPS,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._notifiers = tuple(notifiers)
        self._steps = tuple(steps)

    def tick(self) -> int:
        """Make the steps that are due and tell of those not yet told; how many were made or told."""
        now = self._clock.now()
        made = sum(self._make(request, now) for request in self._waiting(now))
        return made + sum(self._tell(request_id, step, now) for request_id, step in self._untold(now))

    def _waiting(self, now: datetime) -> list[ApprovalRequest]:
        """Those that wait for long enough for the first step."""
        if not self._steps:
            return []
        table = approval_requests.c
        with reading(self._engine) as connection:
            return store.read_requests(
                connection,
                table.status == "pending",
                table.expires_at > now,
                table.requested_at <= now - self._steps[0].after,
            )

    def _make(self, request: ApprovalRequest, now: datetime) -> int:
        made = 0
        for number, step in enumerate(self._steps, 1):
            due = request.requested_at + step.after
            if due <= now and due < request.expires_at:
                made += self._write(request, number, step, due)
        return made

    def _write(self, request: ApprovalRequest, number: int, step: ReminderStep, due: datetime) -> bool:
        table = approval_reminders.c
        known = sa.select(table.step).where(table.request_id == request.id, table.step == number)
        try:
            with transaction(self._engine) as connection:
                if connection.scalar(known) is not None:
                    return False
                row = {"request_id": request.id, "step": number, "due_at": due}
                connection.execute(sa.insert(approval_reminders).values(**row))
                action = "approval.reminded" if step.kind == "reminder" else "approval.escalated"
                reason = f"nobody has decided for {step.after}: {', '.join(step.roles)}"
                self._audit.append(records.closed(action, request, "service:approvals", reason), connection=connection)
        except IntegrityError:
            return False  # another worker made it
        return True

    def _untold(self, now: datetime) -> list[tuple[str, int]]:
        requests, table = approval_requests.c, approval_reminders.c
        query = (
            sa.select(table.request_id, table.step)
            .join(approval_requests, requests.id == table.request_id)
            .where(table.told_at.is_(None), requests.status == "pending", requests.expires_at > now)
            .order_by(table.due_at)
        )
        with reading(self._engine) as connection:
            return [(row.request_id, row.step) for row in connection.execute(query)]

    def _tell(self, request_id: str, number: int, now: datetime) -> bool:
        if number > len(self._steps):
            return False
        step = self._steps[number - 1]
        with reading(self._engine) as connection:
            request = store.read_request(connection, request_id)
        reminder = Reminder(
            request=request,
            step=number,
            kind=step.kind,
            roles=step.roles,
            waited=now - request.requested_at,
            left=request.expires_at - now,
        )
        try:
            for notifier in self._notifiers:
                notifier.remind(reminder)
        except VigiaError as error:
            log.warning("reminder could not be sent; tried again", request_id=request_id, reason=error.message)
            return False
        with transaction(self._engine) as connection:
            _mark(connection, request_id, number, now)
        return True


def _mark(connection: Connection, request_id: str, number: int, now: datetime) -> None:
    table = approval_reminders.c
    update = sa.update(approval_reminders).where(table.request_id == request_id, table.step == number)
    connection.execute(update.values(told_at=now))
