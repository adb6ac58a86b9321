"""How a request ends without being executed: nobody decided, it ran out, it was voided, or something newer came."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from guardrails.approvals import records, store
from guardrails.approvals.tables import approval_requests
from guardrails.approvals.types import ApprovalRequest


class Closing:
    def __init__(self, engine: Engine, clock: Clock, audit: AuditLog) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit

    def expire_due(self) -> list[ApprovalRequest]:
        """Close every request, and every grant that was not used, whose time is over; those that were closed."""
        with reading(self._engine) as connection:
            due = list(connection.scalars(sa.select(approval_requests.c.id).where(self._overdue())))
        closed = [self.expire(request_id) for request_id in due]
        return [request for request in closed if request is not None]

    def expire(self, request_id: str) -> ApprovalRequest | None:
        """Close `request_id` if its time is over; None when it is not, or somebody else did."""
        with transaction(self._engine) as connection:
            found = store.read_requests(connection, approval_requests.c.id == request_id, self._overdue())
            if not found:
                return None
            before = found[0].status
            reason = "nobody decided in time" if before == "pending" else "approved, but not executed in time"
            if not store.move(connection, request_id, before=before, after="expired", reason=reason):
                return None
            request = store.read_request(connection, request_id)
            record = records.closed("approval.expired", request, "service:approvals", reason)
            self._audit.append(record, connection=connection)
            return request

    def void(self, request_id: str, *, actor: str, reason: str) -> bool:
        """Take an approval back that can no longer be executed as approved; False when it is not approved any more."""
        with transaction(self._engine) as connection:
            if not store.move(connection, request_id, before="approved", after="expired", reason=reason):
                return False
            request = store.read_request(connection, request_id)
            self._audit.append(records.closed("approval.voided", request, actor, reason), connection=connection)
            return True

    def supersede(
        self,
        connection: Connection,
        request_id: str,
        *,
        actor: str,
        reason: str,
        undecided_only: bool = False,
        by: str | None = None,
    ) -> bool:
        """Close a request that still could be executed, joining the caller's transaction; False when it could not.
        `by`: the request that takes its place."""
        reason = f"superseded: {reason}"[:400]
        request = store.read_request(connection, request_id)
        if request.status not in (("pending",) if undecided_only else ("pending", "approved")):
            return False
        if not store.move(
            connection, request_id, before=request.status, after="expired", reason=reason, superseded_by=by
        ):
            return False
        self._audit.append(records.closed("approval.superseded", request, actor, reason), connection=connection)
        return True

    def _overdue(self) -> sa.ColumnElement[bool]:
        table, now = approval_requests.c, self._clock.now()
        return sa.or_(
            sa.and_(table.status == "pending", table.expires_at <= now),
            sa.and_(table.status == "approved", table.grant_expires_at <= now),
        )
