"""Reading incidents. Every method sees one consistent state."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy.engine import Engine

from agents.evidence import Evidence
from agents.incident.repositories import alerts as alert_rows
from agents.incident.repositories import findings as finding_rows
from agents.incident.repositories import incidents as incident_rows
from agents.incident.repositories import timeline as timeline_rows
from agents.incident.types import (
    DiagnosisRecord,
    Incident,
    IncidentStatus,
    ProposalPurpose,
    StoredAlert,
    TimelineEvent,
    VerificationResult,
)
from foundation.database import reading
from foundation.errors import NotFound
from guardrails.proposal import ActionProposal

_LONGEST_NUMBER = 9
"""Digits: what fits a database's integer."""


class IncidentReader:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, incident_id: str) -> Incident:
        """Raises NotFound."""
        with reading(self._engine) as connection:
            return incident_rows.get(connection, incident_id)

    def by_label(self, label: str) -> Incident:
        """`INC-0042`, or the bare number. Raises NotFound."""
        digits = label.upper().removeprefix("INC-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER):
            raise NotFound(f"no incident {label[:40]!r}", hint="`vigia incidents list` shows them")
        with reading(self._engine) as connection:
            return incident_rows.by_number(connection, int(digits))

    def find(self, reference: str) -> Incident:
        """By id, `INC-0042` or `42`. Raises NotFound."""
        is_label = reference.upper().startswith("INC-") or reference.isdecimal()
        return self.by_label(reference) if is_label else self.get(reference)

    def list(
        self,
        *,
        statuses: Sequence[IncidentStatus] | None = None,
        tenants: Collection[str] | None = None,
        limit: int = 100,
    ) -> list[Incident]:
        """Newest first. `tenants`: those of a grant, `*` for all; None asks for no grant."""
        with reading(self._engine) as connection:
            return incident_rows.newest(connection, statuses=statuses, tenants=tenants, limit=limit)

    def alerts(self, incident_id: str) -> list[StoredAlert]:
        with reading(self._engine) as connection:
            return alert_rows.of_incident(connection, incident_id)

    def timeline(self, incident_id: str) -> list[TimelineEvent]:
        with reading(self._engine) as connection:
            return timeline_rows.of_incident(connection, incident_id)

    def evidence(self, incident_id: str, *, round_number: int | None = None) -> list[Evidence]:
        with reading(self._engine) as connection:
            return finding_rows.evidence_of(connection, incident_id, round_number=round_number)

    def diagnosis(self, incident_id: str, *, round_number: int | None = None) -> DiagnosisRecord | None:
        """That of the round, or the newest."""
        with reading(self._engine) as connection:
            return finding_rows.diagnosis_of(connection, incident_id, round_number=round_number)

    def proposal(self, incident_id: str, *, round_number: int, purpose: ProposalPurpose) -> ActionProposal | None:
        with reading(self._engine) as connection:
            return finding_rows.proposal_of(connection, incident_id, round_number=round_number, purpose=purpose)

    def newest_proposal(self, incident_id: str) -> tuple[ProposalPurpose, ActionProposal] | None:
        with reading(self._engine) as connection:
            return finding_rows.newest_proposal(connection, incident_id)

    def verification(self, execution_id: str) -> VerificationResult | None:
        with reading(self._engine) as connection:
            return finding_rows.verification_of(connection, execution_id)

    def round_of(self, incident_id: str) -> int:
        with reading(self._engine) as connection:
            return incident_rows.round_of(connection, incident_id)
