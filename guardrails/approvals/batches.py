"""Requests that are alike enough to be decided at one look."""

from __future__ import annotations

from collections.abc import Sequence

from foundation.canonical import digest
from foundation.errors import InvalidInput
from guardrails.approvals.types import ApprovalRequest, Batch

MOST = 50


def batch_of(requests: Sequence[ApprovalRequest]) -> Batch:
    """`requests` as a batch. Raises InvalidInput when they are not alike, none or too many."""
    if not 1 <= len(requests) <= MOST:
        raise InvalidInput(f"a batch holds 1 to {MOST} requests, not {len(requests)}")
    ordered = sorted(requests, key=lambda request: request.id)
    odd = [request.id for request in ordered if likeness(request) != likeness(ordered[0])]
    if odd:
        raise InvalidInput(f"not like {ordered[0].id}: {', '.join(odd)}", hint="decide these one by one")
    bound = [[request.id, request.proposal.digest] for request in ordered]
    return Batch(digest=digest({"batch": bound}), request_ids=tuple(request.id for request in ordered))


def likeness(request: ApprovalRequest) -> tuple[object, ...]:
    """What must be equal: the same tool on the same kind of thing, setting the same fields in the same environment."""
    proposal = request.proposal
    kind = ":".join(proposal.plan.target.split(":")[:3])
    fields = tuple(sorted(change.field for change in proposal.plan.changes))
    return proposal.tool, proposal.tier, proposal.environment, kind, fields, request.approvers_needed
