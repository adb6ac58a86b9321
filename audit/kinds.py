"""What is audited: every kind of entry, what its payload holds, and which fields are personal.

A kind is added here before it is written anywhere: a test reads the sources for actions that are not here, and another
checks a whole story's entries against these models. Personal fields are sealed under the actor's key (`audit.sealing`).
Payloads are written by rooms above this one, so that fields are checked in tests and not while something must be saved.
"""

from __future__ import annotations

from pydantic import BaseModel

from audit import decision_payloads as d
from audit import payloads as p
from audit import platform_payloads as platform
from foundation.frozen import Frozen


class Kind(Frozen):
    """`personal` fields of the payload are free text of, or about, the entry's actor."""

    payload: type[BaseModel]
    personal: tuple[str, ...] = ()


PRINCIPAL_CHANGES = ("added", "granted", "removed", "key_added", "keys_revoked")
_STATUSES = ("investigating", "awaiting_approval", "mitigating", "mitigated", "resolved")

KINDS: dict[str, Kind] = {
    "alert.received": Kind(payload=p.AlertPayload),
    "alert.resolved": Kind(payload=p.AlertPayload),
    "alert.joined": Kind(payload=p.AlertJoined),
    "incident.opened": Kind(payload=p.IncidentOpened),
    **{f"incident.{status}": Kind(payload=p.IncidentMoved) for status in _STATUSES},
    "incident.noted": Kind(payload=p.Told),
    "evidence.collected": Kind(payload=p.EvidenceCollected),
    "tool.called": Kind(payload=p.ToolCalled),
    "diagnosis.made": Kind(payload=p.DiagnosisMade),
    "model.called": Kind(payload=p.ModelCalled),
    "approval.requested": Kind(payload=d.ApprovalRequested),
    "approval.granted": Kind(payload=d.ApprovalDecided, personal=("reason",)),
    "approval.rejected": Kind(payload=d.ApprovalDecided, personal=("reason",)),
    "approval.expired": Kind(payload=d.ApprovalClosed),
    "approval.voided": Kind(payload=d.ApprovalClosed),
    **{f"approval.{how}": Kind(payload=d.ApprovalClosed) for how in ("superseded", "reminded", "escalated")},
    "policy.changed": Kind(payload=p.PolicyChanged),
    "policy.refused": Kind(payload=p.Reasoned),
    **{f"delegation.{how}": Kind(payload=d.DelegationMade, personal=("reason",)) for how in ("made", "revoked")},
    **{f"glass.{how}": Kind(payload=d.GlassBroken, personal=("reason", "review")) for how in ("broken", "reviewed")},
    "glass.chased": Kind(payload=d.GlassChased),
    "approval.refused": Kind(payload=d.ApprovalRefused, personal=("why",)),
    **{f"action.{status}": Kind(payload=p.ActionDone) for status in ("started", "succeeded", "failed", "unknown")},
    "action.verified": Kind(payload=p.ActionVerified),
    "action.not_verified": Kind(payload=p.ActionVerified),
    "verdict.recorded": Kind(payload=p.VerdictRecorded),
    "kill_switch.engaged": Kind(payload=p.Reasoned, personal=("reason",)),
    "kill_switch.released": Kind(payload=p.Reasoned, personal=("reason",)),
    "catalog.applied": Kind(payload=platform.CatalogApplied),
    "model.registered": Kind(payload=platform.ModelRegistered),
    "model.signed": Kind(payload=platform.ModelSigned),
    "model.promoted": Kind(payload=platform.ModelPromoted),
    "model.judged": Kind(payload=platform.ModelJudged),
    "model.refused": Kind(payload=platform.ModelRefused),
    "resource.created": Kind(payload=platform.ResourceCreated),
    "resource.patched": Kind(payload=platform.ResourcePatched),
    "resource.change_withdrawn": Kind(payload=p.Nothing),
    "pseudonym.revealed": Kind(payload=p.PseudonymRevealed, personal=("reason",)),
    "pseudonym.reveal_refused": Kind(payload=p.PseudonymRevealed, personal=("reason",)),
    "health.reported": Kind(payload=p.HealthReported),
    "read.refused": Kind(payload=p.ReadRefused),
    "job.started": Kind(payload=p.Nothing),
    "job.cancelled": Kind(payload=p.Nothing),
    "change.told": Kind(payload=platform.ChangeTold),
    "call.refused": Kind(payload=platform.CallsRefused),
    **{f"principal.{how}": Kind(payload=platform.PrincipalChanged) for how in PRINCIPAL_CHANGES},
    "session.opened": Kind(payload=p.SessionOpened, personal=("client",)),
    "session.refused": Kind(payload=p.SessionOpened, personal=("client",)),
    "subject.shredded": Kind(payload=p.SubjectShredded),
}


def personal_fields(action: str) -> tuple[str, ...]:
    """Fields of the payload that are sealed; none for a kind that is not known."""
    kind = KINDS.get(action)
    return () if kind is None else kind.personal
