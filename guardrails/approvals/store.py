"""Rows of proposals, requests and decisions, and the types they become. Joins the caller's transaction."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from foundation.driver_sql import DriverSql
from foundation.errors import Conflict, NotFound
from guardrails.approvals.tables import approval_requests, decisions, proposals
from guardrails.approvals.types import ApprovalRequest, ApprovalStatus, Decision
from guardrails.proposal import ActionProposal

_REQUEST_COLUMNS = (
    "id", "status", "rule", "approvers_needed", "requested_at", "expires_at", "closed_reason", "superseded_by",
)  # fmt: skip


_STORED = (
    sa.select(approval_requests.c.document_sha256, proposals.c.document, proposals.c.digest)
    .join(proposals, proposals.c.id == approval_requests.c.proposal_id)
    .where(approval_requests.c.id == sa.bindparam("of_request"))
)


def sha256_text(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def insert_request(connection: Connection, request: ApprovalRequest, *, grant_expires_at: datetime | None) -> None:
    """Store a request and its proposal."""
    proposal = request.proposal
    document = proposal.model_dump_json()
    connection.execute(
        sa.insert(proposals).values(
            id=proposal.id,
            incident_id=proposal.incident_id,
            tool=proposal.tool,
            digest=proposal.digest,
            document=document,
            created_at=proposal.created_at,
        )
    )
    connection.execute(
        sa.insert(approval_requests).values(
            **request.model_dump(include=set(_REQUEST_COLUMNS)),
            proposal_id=proposal.id,
            incident_id=proposal.incident_id,
            document_sha256=sha256_text(document),
            approvals=0,
            grant_expires_at=grant_expires_at,
        )
    )


def insert_decision(connection: Connection, decision: Decision) -> None:
    connection.execute(sa.insert(decisions).values(**decision.model_dump(), authority=decision.authority))


def read_requests(connection: Connection, *where: sa.ColumnElement[bool]) -> list[ApprovalRequest]:
    """Requests that satisfy all of `where`, oldest first."""
    query = (
        sa.select(approval_requests, proposals.c.document)
        .join(proposals, proposals.c.id == approval_requests.c.proposal_id)
        .where(*where)
        .order_by(approval_requests.c.requested_at, approval_requests.c.id)
    )
    rows = connection.execute(query).mappings().all()
    made = _decisions(connection, [row["id"] for row in rows])
    return [
        ApprovalRequest(
            **{name: row[name] for name in _REQUEST_COLUMNS},
            proposal=ActionProposal.model_validate_json(row["document"]),
            decisions=tuple(made[row["id"]]),
        )
        for row in rows
    ]


def read_request(connection: Connection, request_id: str) -> ApprovalRequest:
    """Raises NotFound."""
    found = read_requests(connection, approval_requests.c.id == request_id)
    if not found:
        raise NotFound(
            f"there is no approval request {request_id[:80]!r}", hint="`vigia approvals list` shows what waits"
        )
    return found[0]


class Stored(NamedTuple):
    """A request's proposal as it lies in the database."""

    document: str
    document_sha256: str
    digest: str


def require_untouched(connection: Connection, request: ApprovalRequest) -> None:
    """Raises Conflict when the stored proposal is no longer what was shown when approval was requested."""
    row = connection.execute(_STORED, {"of_request": request.id}).one()
    refuse_altered(Stored(row.document, row.document_sha256, row.digest), request)


def refuse_altered(stored: Stored, request: ApprovalRequest) -> None:
    """As `require_untouched`, of what was read."""
    proposal = request.proposal
    as_shown = sha256_text(stored.document) == stored.document_sha256
    if not as_shown or stored.digest != proposal.digest or not proposal.digest_holds():
        raise Conflict(
            f"the proposal behind {request.id} was changed after approval was requested",
            hint="nothing was decided; propose again, and look at the audit log for who had access",
        )


_EARLIER = DriverSql("""
WITH RECURSIVE earlier(id, proposal_id) AS (
    SELECT r.id, r.proposal_id FROM approval_requests n JOIN approval_requests r ON r.superseded_by = n.id
    WHERE n.proposal_id = ?
    UNION
    SELECT r.id, r.proposal_id FROM earlier e JOIN approval_requests r ON r.superseded_by = e.id
)
SELECT p.document FROM earlier e JOIN proposals p ON p.id = e.proposal_id
""")


def authors_of(connection: Connection, proposal: ActionProposal) -> frozenset[str]:
    """Who proposed it, and who proposed or edited what it is an edit of: their wish may still be in it."""
    earlier = (json.loads(document)["requested_by"] for (document,) in _EARLIER(connection, proposal.id))
    return frozenset((proposal.requested_by, *earlier))


def move(
    connection: Connection,
    request_id: str,
    *,
    before: ApprovalStatus,
    after: ApprovalStatus,
    reason: str,
    superseded_by: str | None = None,
) -> bool:
    """Close a request if it still has status `before`; whether it had."""
    changed = connection.execute(
        sa.update(approval_requests)
        .where(approval_requests.c.id == request_id, approval_requests.c.status == before)
        .values(status=after, closed_reason=reason, superseded_by=superseded_by)
    )
    return changed.rowcount == 1


def _decisions(connection: Connection, request_ids: Iterable[str]) -> dict[str, list[Decision]]:
    query = sa.select(decisions).where(decisions.c.request_id.in_(list(request_ids)))
    grouped: dict[str, list[Decision]] = defaultdict(list)
    for row in connection.execute(query.order_by(decisions.c.decided_at, decisions.c.principal_id)).mappings():
        grouped[row["request_id"]].append(Decision(**{name: row[name] for name in Decision.model_fields}))
    return grouped
