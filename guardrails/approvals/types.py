"""Requests for approval and decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from foundation.frozen import Frozen
from guardrails.proposal import ActionProposal

ApprovalStatus = Literal["pending", "approved", "rejected", "expired", "claimed"]
"""pending -> approved | rejected | expired; approved -> claimed (once, by the executor) | expired (grant ran out)."""

Channel = Literal["slack", "console", "http", "cli", "policy"]


class Decision(Frozen):
    request_id: str
    principal_id: str
    verdict: Literal["approve", "reject"]
    reason: str | None
    channel: Channel
    decided_at: datetime


class ApprovalRequest(Frozen):
    """Stored before anything is shown. `id` is all that a button carries."""

    id: str
    proposal: ActionProposal
    status: ApprovalStatus
    rule: str
    """The policy rule that asked for it."""

    approvers_needed: int
    requested_at: datetime
    expires_at: datetime
    decisions: tuple[Decision, ...] = ()
    closed_reason: str | None = None
    """Why it was closed without being executed: nobody decided, the target moved, it was superseded."""
