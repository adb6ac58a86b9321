"""Rows of executions, the claim, and the audit records of what was done. Joins the caller's transaction."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audit.entry import AuditRecord
from foundation.driver_sql import DriverSql
from guardrails.approvals.tables import approval_requests
from guardrails.approvals.types import ApprovalRequest
from guardrails.executor.port import ActionExecution, ExecutionStatus
from guardrails.executor.tables import executions
from guardrails.proposal import ActionReceipt

OPEN: tuple[ExecutionStatus, ...] = ("started", "unknown")


_CLAIM = DriverSql(
    "UPDATE approval_requests SET status = 'claimed' WHERE id = ? AND status = 'approved' AND grant_expires_at > ?"
)
_INSERT = DriverSql(
    "INSERT INTO executions (id, idempotency_key, approval_id, incident_id, status, started_at) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)


def claim(connection: Connection, execution: ActionExecution) -> bool:
    """Take the approval for `execution`, if it is approved, not run out and not taken; whether it was."""
    if _CLAIM(connection, execution.approval_id, execution.started_at).rowcount != 1:
        return False
    key, approval, incident = execution.id, execution.approval_id, execution.incident_id
    _INSERT(connection, key, key, approval, incident, execution.status, execution.started_at)
    return True


def settle(connection: Connection, execution: ActionExecution) -> bool:
    """Store the outcome, unless an outcome is there already; whether this one was stored."""
    before = OPEN if execution.status != "unknown" else ("started",)
    changed = connection.execute(
        sa.update(executions)
        .where(executions.c.id == execution.id, executions.c.status.in_(before))
        .values(
            status=execution.status,
            ended_at=execution.ended_at,
            receipt=None if execution.receipt is None else execution.receipt.model_dump_json(),
            error=execution.error,
        )
    )
    return changed.rowcount == 1


def read_executions(connection: Connection, *where: sa.ColumnElement[bool]) -> list[ActionExecution]:
    """Executions that satisfy all of `where`, oldest first."""
    query = sa.select(executions).where(*where).order_by(executions.c.started_at, executions.c.id)
    return [
        ActionExecution(
            **{name: row[name] for name in ActionExecution.model_fields if name != "receipt"},
            receipt=None if row["receipt"] is None else ActionReceipt.model_validate_json(row["receipt"]),
        )
        for row in connection.execute(query).mappings()
    ]


def grant_ends(connection: Connection, approval_id: str) -> datetime | None:
    """Until when the approval may be executed."""
    query = sa.select(approval_requests.c.grant_expires_at).where(approval_requests.c.id == approval_id)
    return connection.scalar(query)


def record(execution: ActionExecution, request: ApprovalRequest, actor: str) -> AuditRecord:
    """`action.started`, `action.succeeded`, `action.failed` or `action.unknown`."""
    proposal, receipt = request.proposal, execution.receipt
    payload: dict[str, object] = {
        "approval_id": request.id,
        "tool": proposal.tool,
        "digest": proposal.digest,
        "target": proposal.plan.target,
        "approved_by": [made.principal_id for made in request.decisions if made.verdict == "approve"],
    }
    if receipt is not None:
        payload |= {"revision": receipt.revision, "change_event_id": receipt.change_event_id}
    if execution.error is not None:
        payload["error"] = execution.error
    return AuditRecord(
        action=f"action.{execution.status}",
        actor=actor,
        subject=execution.id,
        tenant=proposal.tenant,
        incident_id=execution.incident_id,
        payload=payload,
    )
