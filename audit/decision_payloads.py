"""What entries about approvals, delegations and broken glass hold (`audit.kinds`)."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from audit.payloads import Sealed
from foundation.frozen import Frozen


class ApprovalRequested(Frozen):
    model_config = ConfigDict(extra="allow")
    proposal_id: str
    tool: str
    digest: str
    arguments: dict[str, Any]
    document_sha256: str
    rule: str
    approvers_needed: int
    expires_at: str
    policy_sha256: str


class ApprovalDecided(Frozen):
    """Who is the entry's actor, how is the channel."""

    model_config = ConfigDict(extra="allow")
    proposal_id: str
    tool: str
    digest: str
    channel: str
    approvers_needed: int
    reason: Sealed | None


class ApprovalClosed(Frozen):
    model_config = ConfigDict(extra="allow")
    proposal_id: str
    tool: str
    digest: str
    reason: str


class ApprovalRefused(Frozen):
    model_config = ConfigDict(extra="allow")
    verdict: str
    channel: str
    why: Sealed


class DelegationMade(Frozen):
    delegator: str
    delegate: str
    ends_at: str
    reason: Sealed


class GlassBroken(Frozen):
    """Somebody lifted freezes and second approvals for minutes; `review` is what was said of it afterwards."""

    environment: str
    opened_by: str
    ends_at: str
    reason: Sealed
    review: Sealed | None


class GlassChased(Frozen):
    """The review of a broken glass was asked for once more."""

    step: int
    opened_by: str
    environment: str
