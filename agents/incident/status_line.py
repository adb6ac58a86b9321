"""What came of it, in one line: who decided, when it was done, whether it worked."""

from __future__ import annotations

from datetime import datetime

from agents.incident.reconsidering import superseded
from agents.incident.types import Incident, TimelineEvent, VerificationResult
from guardrails.approvals.types import ApprovalRequest
from guardrails.executor.port import ActionExecution


def status_line(
    incident: Incident,
    request: ApprovalRequest | None,
    execution: ActionExecution | None,
    verification: VerificationResult | None,
    timeline: list[TimelineEvent],
) -> str:
    """All times are UTC on the platform's clock."""
    if request is None:
        return _without_request(incident)
    parts = [_decision(request)]
    if request.status == "pending" and (looked := _looked_again(timeline)):
        parts.insert(0, looked)
    if execution is None:
        if request.status in ("rejected", "expired"):
            parts[-1] += ", nothing was run"
        return " · ".join(parts)
    if execution.status == "succeeded":
        parts.append(f"executed {execution.ended_at or execution.started_at:%H:%M:%S}")
    else:
        parts.append(f"execution {execution.status}" + (f": {execution.error}" if execution.error else ""))
    if verification is not None:
        said = next((e for e in timeline if e.kind.startswith("action.") and e.kind.endswith("verified")), None)
        at = f" {said.at:%H:%M}" if said else ""
        word = "verified" if verification.verified else "not verified"
        parts.append(f"{word}{at} ({'; '.join(verification.checks)})")
    held = [event.text for event in timeline if event.kind == "incident.held"]
    if incident.status == "mitigated" and held:
        parts.append(held[-1])
    return " · ".join(parts)


def _without_request(incident: Incident) -> str:
    match incident.outcome:
        case "inconclusive":
            return "inconclusive: no proposal; see what to look at next"
        case "no_action":
            return "no action proposed, nothing was run"
        case None:
            return f"{incident.status.replace('_', ' ')} since {incident.updated_at:%H:%M}"
        case outcome:
            return outcome


def _decision(request: ApprovalRequest) -> str:
    last = request.decisions[-1] if request.decisions else None
    if request.status == "pending":
        given = f"{len(request.decisions)} of {request.approvers_needed} approved · " if request.decisions else ""
        return f"{given}waiting for approval until {request.expires_at:%H:%M}"
    if superseded(request):
        return (request.closed_reason or "").replace("superseded: by", "superseded by", 1)
    if request.status == "expired" or last is None:
        return f"{request.status} {_at(request.expires_at if request.status == 'expired' else request.requested_at)}"
    word = "rejected" if last.verdict == "reject" else "approved"
    who = ", ".join(decision.principal_id for decision in request.decisions if decision.verdict == last.verdict)
    reason = f" ({last.reason})" if last.reason else ""
    return f"{word} by {who} {_at(last.decided_at)}{reason}"


def _looked_again(timeline: list[TimelineEvent]) -> str | None:
    """What the last look before the decision came to."""
    last = next((e for e in reversed(timeline) if e.kind in ("diagnosis.confirmed", "approval.superseded")), None)
    if last is None:
        return None
    if last.kind == "diagnosis.confirmed":
        return f"looked at again {_at(last.at)}, unchanged"
    return f"{_at(last.at)} an earlier proposal was {last.text}"


def _at(when: datetime) -> str:
    return f"{when:%H:%M}"
