"""What another look means for the request that people are deciding on: it stands, or it is superseded.

The request is closed before anything else is written: if somebody decided first, their decision stands and this look
changes nothing. Whatever it was interrupted in, running it again comes to the same.
"""

from __future__ import annotations

from agents.diagnosis.types import Diagnosis
from agents.incident.ports import ApprovalDesk, Triage
from agents.incident.state import Change, FlowState, proposed_in
from agents.incident.store import AGENT, IncidentStore
from foundation.errors import Conflict
from foundation.telemetry import metrics
from guardrails.approvals.types import ApprovalRequest
from guardrails.proposal import ActionProposal

SUPERSEDED = "superseded"


def superseded(request: ApprovalRequest) -> bool:
    """Whether it was closed because of new evidence, not because its time was over."""
    return request.status == "expired" and (request.closed_reason or "").startswith(SUPERSEDED)


def reconsider(state: FlowState, store: IncidentStore, triage: Triage, approvals: ApprovalDesk) -> Change:
    incident_id, round_number, approval_id = state["incident_id"], state["round"], state["approval_id"]
    before = store.diagnosis(incident_id, round_number=proposed_in(state))
    after = store.diagnosis(incident_id, round_number=round_number)
    if before is None or after is None or approval_id is None:
        raise Conflict(f"round {round_number} of {incident_id} has nothing to compare with")
    request = approvals.get(approval_id)
    if request.superseded_by is not None or (request.status != "pending" and not superseded(request)):
        return {"looking": False}
    if request.status == "pending" and request.proposal.requested_by != AGENT:
        who, found = request.proposal.requested_by, _named(after.diagnosis)
        text = f"looked again at {len(store.alerts(incident_id))} alerts: {found}; what {who} proposed stays as it is"
        store.tell(incident_id, "diagnosis.confirmed", text, key=f"confirmed:{round_number}")
        return {"looking": False}
    proposal = store.proposal(incident_id, round_number=round_number, purpose="action")
    if proposal is None and after.diagnosis.verdict != "inconclusive":
        proposal = triage.propose(after.diagnosis, incident_id)
    if request.status == "pending":
        failed = any(e.observation.status == "error" for e in store.evidence(incident_id, round_number=round_number))
        if _stands(request.proposal, before.diagnosis, proposal, after.diagnosis, failed=failed):
            text = f"looked again at {len(store.alerts(incident_id))} alerts: {_named(after.diagnosis)}, unchanged"
            store.tell(incident_id, "diagnosis.confirmed", text, key=f"confirmed:{round_number}")
            return {"looking": False}
        reason = f"by new evidence: {_named(after.diagnosis)}"
        if not approvals.supersede(approval_id, reason, actor=AGENT, undecided_only=True):
            return {"looking": False}
    text = f"superseded by new evidence: {_named(before.diagnosis)} before, {_named(after.diagnosis)} now"
    if store.tell(incident_id, "approval.superseded", text, key=f"superseded:{approval_id}"):
        metrics.approvals.labels(SUPERSEDED).inc()
    changed: Change = {"looking": False, "approval_id": None, "proposed_in": None}
    if proposal is None:
        ending = "inconclusive" if after.diagnosis.verdict == "inconclusive" else "no_action"
        return changed | {"ending": ending}
    store.add_proposal(proposal, round_number=round_number, purpose="action")
    return changed


def _stands(
    asked: ActionProposal, before: Diagnosis, proposal: ActionProposal | None, after: Diagnosis, *, failed: bool
) -> bool:
    """Whether people would decide on the same: cause, verdict and the plan to the letter.

    A look that some probes failed is no new evidence against what an earlier one showed.
    """
    causes = [diagnosis.top.cause if diagnosis.top else None for diagnosis in (before, after)]
    if after.verdict == "inconclusive" and failed and causes[1] in (causes[0], None):
        return True
    same = causes[0] == causes[1] and before.verdict == after.verdict
    return same and proposal is not None and proposal.digest == asked.digest


def _named(diagnosis: Diagnosis) -> str:
    top = diagnosis.top
    if diagnosis.verdict == "inconclusive" or top is None:
        return "inconclusive"
    return f"{top.cause} ({top.confidence:.2f})"
