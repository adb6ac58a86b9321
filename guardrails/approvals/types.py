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
    on_behalf_of: str | None = None
    """Whose right it was, when it was delegated."""

    @property
    def authority(self) -> str:
        """Whose voice this is: two delegates of one person are one voice."""
        return self.on_behalf_of or self.principal_id


class Batch(Frozen):
    """Requests that are alike, so that one look decides them all: the same tool, tier, environment and changed fields.

    `digest` binds the decision to exactly these requests with exactly these proposals. `more`: how many further ones
    are alike and not among them.
    """

    digest: str
    request_ids: tuple[str, ...]
    more: int = 0


class BatchOutcome(Frozen):
    """What became of one request of a batch: its status then, or why it was not decided."""

    request_id: str
    status: ApprovalStatus | None = None
    refused: str | None = None


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

    superseded_by: str | None = None
    """The request that a person's edit put in its place."""
