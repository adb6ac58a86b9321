"""Changing incidents. Every method is one transaction of its own.

A transaction changes its rows first and appends to the audit log last: appends queue on one another, and whoever holds
the queue must not then wait for a row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy.engine import Connection, Engine

from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from agents.incident.reading import IncidentReader
from agents.incident.repositories import findings as finding_rows
from agents.incident.repositories import incidents as incident_rows
from agents.incident.repositories import leases as lease_rows
from agents.incident.repositories import timeline as timeline_rows
from agents.incident.types import (
    TRANSITIONS,
    DiagnosisRecord,
    Incident,
    IncidentStatus,
    ProposalPurpose,
    TimelineEvent,
    VerificationResult,
)
from agents.llm.narrative import Narrative
from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import transaction
from foundation.errors import Conflict
from foundation.outside_text import OutsideText, Redact, unredacted
from foundation.telemetry import metrics
from guardrails.proposal import ActionProposal

T = TypeVar("T")

AGENT = "agent:incident"
WHEN_IDLE = "edit or reject what waits, or propose when nothing does; what is resolved is over"


class IncidentStore(IncidentReader):
    """`redact` is for the texts of the timeline, which quote errors of the systems that were called."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        *,
        redact: Redact = unredacted,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(engine)
        self._outside = OutsideText(redact)
        self._clock = clock
        self._audit = audit
        self._wall = wall

    def transition(
        self,
        incident_id: str,
        to: IncidentStatus,
        *,
        key: str,
        text: str,
        outcome: str | None = None,
        actor: str = AGENT,
    ) -> Incident:
        """Move along `TRANSITIONS` by compare-and-set, with timeline event and audit entry. `key` names the step, so
        that running it again after a crash changes nothing. Raises Conflict for an illegal move or a lost race."""
        with transaction(self._engine) as connection:
            moved = self._move(connection, incident_id, to, key=key, text=text, outcome=outcome, actor=actor)
            incident = incident_rows.get(connection, incident_id)
        if moved:
            metrics.incidents.labels(to).inc()
        return incident

    def tell(
        self,
        incident_id: str,
        kind: str,
        text: str,
        *,
        key: str,
        actor: str = AGENT,
        details: dict[str, Any] | None = None,
    ) -> bool:
        """Add a timeline event once; `key` names it. True if it was new."""
        with transaction(self._engine) as connection:
            new = self._tell(connection, incident_id, kind, text, key=key, actor=actor, details=details)
            if new:
                note = {"kind": kind, "text": text, "details": details or {}}
                self._append(connection, incident_id, "incident.noted", note, actor=actor)
            return new

    def add_evidence(self, incident_id: str, round_number: int, answers: Sequence[Evidence]) -> list[Evidence]:
        """Number the answers E1, E2, … on from what the incident has, unless this round was stored before.

        `answers` carry any id; the stored pieces are returned.
        """
        with transaction(self._engine) as connection:
            known = finding_rows.evidence_of(connection, incident_id, round_number=round_number)
            if known:
                return known
            start = finding_rows.last_number(connection, incident_id) + 1
            numbered = [a.model_copy(update={"id": f"E{n}"}) for n, a in enumerate(answers, start)]
            for piece in numbered:
                finding_rows.add_evidence(connection, piece, round_number=round_number)
            text = f"{len(numbered)} probes answered"
            self._tell(connection, incident_id, "evidence.collected", text, key=f"evidence:{round_number}")
            digests = {piece.id: piece.digest for piece in numbered}
            for piece in numbered:
                self._append(connection, incident_id, "tool.called", _called(piece))
            payload = {"round": round_number, "digests": digests, "text": text}
            self._append(connection, incident_id, "evidence.collected", payload)
        return numbered

    def add_diagnosis(self, incident_id: str, round_number: int, diagnosis: Diagnosis) -> DiagnosisRecord:
        """Store this round's diagnosis and let the incident carry its title. A round keeps its first diagnosis."""
        with transaction(self._engine) as connection:
            new = finding_rows.add_diagnosis(
                connection, incident_id, round_number, diagnosis, at=self._clock.now(), wall=self._wall()
            )
            record = finding_rows.diagnosis_of(connection, incident_id, round_number=round_number)
            assert record is not None  # noqa: S101 - stored a line above, in this transaction
            if new:
                self._diagnosed(connection, record)
        return record

    def add_narration(self, incident_id: str, round_number: int, narration: Narrative) -> None:
        with transaction(self._engine) as connection:
            if finding_rows.add_narration(connection, incident_id, round_number, narration):
                incident_rows.touch(connection, incident_id, self._clock.now())

    def add_proposal(self, proposal: ActionProposal, *, round_number: int, purpose: ProposalPurpose) -> ActionProposal:
        """Store it unless the round has one for this purpose; returns the one that counts."""
        with transaction(self._engine) as connection:
            finding_rows.add_proposal(
                connection, proposal, round_number=round_number, purpose=purpose, at=self._clock.now()
            )
            kept = finding_rows.proposal_of(
                connection, proposal.incident_id, round_number=round_number, purpose=purpose
            )
        return kept or proposal

    def edit_proposal(self, older: ActionProposal, newer: ActionProposal) -> bool:
        """Put a person's edit in the place of what was proposed, once."""
        with transaction(self._engine) as connection:
            now = self._clock.now()
            edited = finding_rows.edit_proposal(connection, older.id, newer, at=now)
            if edited:
                incident_rows.touch(connection, newer.incident_id, now)
        return edited

    def begin_with(self, proposal: ActionProposal, ask: Callable[[Connection], T]) -> T:
        """Begin the next round with what a person proposed and `ask` for it in one transaction, so that the worker
        meets both or neither; what `ask` returns. Raises Conflict while the incident is being worked on, is resolved,
        or has not been looked at, and what `ask` raises."""
        with transaction(self._engine) as connection:
            incident = incident_rows.get(connection, proposal.incident_id)
            if not lease_rows.is_done(connection, incident.id) or incident.status not in ("investigating", "mitigated"):
                raise Conflict(f"{incident.label} is {incident.status} and being worked on", hint=WHEN_IDLE)
            finished, now = incident_rows.round_of(connection, incident.id), self._clock.now()
            finding_rows.add_proposal(connection, proposal, round_number=finished + 1, purpose="action", at=now)
            lease_rows.wake(connection, incident.id)
            incident_rows.advance_round(connection, incident.id, finished=finished)
            return ask(connection)

    def add_verification(self, incident_id: str, result: VerificationResult) -> VerificationResult:
        """Store it once per execution, with its audit entry."""
        with transaction(self._engine) as connection:
            if finding_rows.add_verification(connection, incident_id, result, at=self._clock.now()):
                action = "action.verified" if result.verified else "action.not_verified"
                text = ("verified: " if result.verified else "not verified: ") + "; ".join(result.checks)
                self._tell(connection, incident_id, action, text, key=f"verification:{result.execution_id}")
                self._append(connection, incident_id, action, {**result.model_dump(mode="json"), "text": text})
            kept = finding_rows.verification_of(connection, result.execution_id)
        return kept or result

    def next_round(self, incident_id: str, *, finished: int) -> int:
        """Begin the round after `finished`; doing it again changes nothing."""
        with transaction(self._engine) as connection:
            return incident_rows.advance_round(connection, incident_id, finished=finished)

    # -- inside a transaction

    def _move(
        self,
        connection: Connection,
        incident_id: str,
        to: IncidentStatus,
        *,
        key: str,
        text: str,
        outcome: str | None,
        actor: str,
    ) -> bool:
        """Whether it is in another status now."""
        incident = incident_rows.get(connection, incident_id)
        now = self._clock.now()
        event = TimelineEvent(
            incident_id=incident_id, at=now, kind=f"incident.{to}", actor=actor, text=text, details={"to": to}
        )
        if not timeline_rows.tell(connection, event, key=key):
            return False
        stays = incident.status == to
        if not stays and to not in TRANSITIONS[incident.status]:
            raise Conflict(
                f"{incident.label} is {incident.status}: it cannot become {to}",
                hint=f"from {incident.status}: {', '.join(sorted(TRANSITIONS[incident.status])) or 'nothing'}",
            )
        if not incident_rows.move(connection, incident_id, expected=incident.status, to=to, outcome=outcome, at=now):
            raise Conflict(f"{incident.label} was moved by somebody else", hint="read it again")
        self._append(
            connection,
            incident_id,
            f"incident.{to}",
            {"from": incident.status, "outcome": outcome, "text": text},
            actor=actor,
            tenant=incident.tenant,
        )
        return not stays

    def _diagnosed(self, connection: Connection, record: DiagnosisRecord) -> None:
        diagnosis, top = record.diagnosis, record.diagnosis.top
        title = None
        if top is not None and diagnosis.verdict != "inconclusive":
            title = top.title
            incident_rows.retitle(connection, record.incident_id, title)
            text = f"most likely {top.cause} ({top.confidence:.2f}): {top.title}"
        else:
            text = "inconclusive: the evidence does not carry a cause"
        figures = {h.cause: round(h.confidence, 4) for h in (*diagnosis.ranked, *diagnosis.ruled_out)}
        payload: dict[str, Any] = {"round": record.round, "verdict": diagnosis.verdict, "confidence": figures}
        payload |= {"title": title, "text": text}
        self._tell(connection, record.incident_id, "diagnosis.made", text, key=f"diagnosis:{record.round}")
        self._append(connection, record.incident_id, "diagnosis.made", payload)

    def _tell(
        self,
        connection: Connection,
        incident_id: str,
        kind: str,
        text: str,
        *,
        key: str,
        actor: str = AGENT,
        details: dict[str, Any] | None = None,
    ) -> bool:
        now = self._clock.now()
        event = TimelineEvent(
            incident_id=incident_id,
            at=now,
            kind=kind,
            actor=actor,
            text=self._outside.text(text),
            details=self._outside.value(details or {}),
        )
        # The key of a failure holds its message.
        new = timeline_rows.tell(connection, event, key=self._outside.text(key)[:200])
        if new:
            incident_rows.touch(connection, incident_id, now)
        return new

    def _append(
        self,
        connection: Connection,
        incident_id: str,
        action: str,
        payload: dict[str, Any],
        *,
        actor: str = AGENT,
        tenant: str | None = None,
    ) -> None:
        # What is read back from the log must be what the timeline says, and as harmless.
        payload = self._outside.value(payload)
        record = AuditRecord(
            action=action, actor=actor, subject=incident_id, tenant=tenant, incident_id=incident_id, payload=payload
        )
        self._audit.append(record, connection=connection)


def _called(piece: Evidence) -> dict[str, Any]:
    return {
        "tool": piece.tool,
        "arguments": piece.arguments,
        "status": piece.observation.status,
        "digest": piece.digest,
        "wall_ms": piece.wall_ms,
        "evidence_id": piece.id,
    }
