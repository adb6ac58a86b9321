"""The engineer's word on a diagnosis: what the next diagnoses' priors are made of."""

from __future__ import annotations

from difflib import get_close_matches

from sqlalchemy.engine import Engine

from agents.diagnosis.causes import causes
from agents.incident.repositories import feedback as rows
from agents.incident.repositories import findings, incidents, timeline
from agents.incident.types import CauseRecord, TimelineEvent, VerdictFeedback
from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, InvalidInput
from foundation.ids import new_id
from foundation.outside_text import OutsideText, Redact, unredacted
from platform_core.access.principals import Principal, Role

MAY_JUDGE: frozenset[Role] = frozenset({"responder", "oncall", "approver", "admin"})


class FeedbackDesk:
    def __init__(self, engine: Engine, clock: Clock, audit: AuditLog, *, redact: Redact = unredacted) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._outside = OutsideText(redact)

    def record(
        self,
        incident_id: str,
        principal: Principal,
        *,
        correct: bool,
        actual_cause: str | None = None,
        note: str | None = None,
    ) -> VerdictFeedback:
        """Whether the newest diagnosis named the right cause; the last word of each person counts.

        Raises NotFound; Conflict when there is no diagnosis yet; Forbidden for agents, for those who may only read and
        for other tenants' people; InvalidInput for a cause that is not in the catalogue.
        """
        if actual_cause is not None and actual_cause not in causes():
            raise InvalidInput(f"{actual_cause[:64]!r} is not a known cause", hint=_near(actual_cause))
        now = self._clock.now()
        with transaction(self._engine) as connection:
            incident = incidents.get(connection, incident_id)
            if principal.kind != "human" or not principal.may_act_for(incident.tenant):
                raise Forbidden(f"{principal.id} may not judge {incident.label}", hint="a person of its tenant may")
            if not principal.roles_in(incident.tenant) & MAY_JUDGE:
                hint = f"it moves the priors of later diagnoses: {', '.join(sorted(MAY_JUDGE))} may"
                raise Forbidden(f"{principal.id} may not judge {incident.label}", hint=hint)
            record = findings.diagnosis_of(connection, incident_id)
            if record is None:
                raise Conflict(f"{incident.label} has no diagnosis yet", hint="wait until it was investigated")
            top = record.diagnosis.top
            feedback = VerdictFeedback(
                incident_id=incident_id,
                principal_id=principal.id,
                cause=top.cause if top else "none",
                correct=correct,
                actual_cause=None if correct else actual_cause,
                note=self._outside.optional(note),
                at=now,
            )
            rows.record(connection, feedback)
            event = TimelineEvent(
                incident_id=incident_id,
                at=now,
                kind="verdict.recorded",
                actor=principal.id,
                text=f"{feedback.cause} is {'right' if correct else 'wrong'}"
                + (f", it was {feedback.actual_cause}" if feedback.actual_cause else ""),
            )
            timeline.tell(connection, event, key=new_id("verdict"))
            incidents.touch(connection, incident_id, now)
            self._audit.append(
                AuditRecord(
                    action="verdict.recorded",
                    actor=principal.id,
                    subject=incident_id,
                    tenant=incident.tenant,
                    incident_id=incident_id,
                    payload={
                        "cause": feedback.cause,
                        "correct": correct,
                        "actual_cause": feedback.actual_cause,
                        "text": event.text,
                    },
                ),
                connection=connection,
            )
        return feedback

    def per_cause(self) -> dict[str, CauseRecord]:
        """How each cause has fared so far."""
        with reading(self._engine) as connection:
            return rows.per_cause(connection)


def _near(cause: str) -> str:
    near = get_close_matches(cause, list(causes()), n=1)
    return f"did you mean {near[0]!r}?" if near else f"one of {', '.join(causes())}; leave it out if it is none of them"
