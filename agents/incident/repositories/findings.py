"""Evidence, diagnoses, proposals and verifications of an incident."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from agents.incident.repositories.insert import insert_once
from agents.incident.tables import diagnoses, evidence, round_proposals, verifications
from agents.incident.types import DiagnosisRecord, ProposalPurpose, VerificationResult
from agents.llm.narrative import Narrative
from guardrails.proposal import ActionProposal


def last_number(connection: Connection, incident_id: str) -> int:
    return connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(evidence.c.number), 0)).where(evidence.c.incident_id == incident_id)
    ).scalar_one()


def add_evidence(connection: Connection, piece: Evidence, *, round_number: int) -> None:
    values = piece.model_dump(mode="json", exclude={"id", "collected_at"})
    values |= {"number": int(piece.id[1:]), "round": round_number, "collected_at": piece.collected_at}
    connection.execute(sa.insert(evidence).values(values))


def evidence_of(connection: Connection, incident_id: str, *, round_number: int | None = None) -> list[Evidence]:
    query = sa.select(evidence).where(evidence.c.incident_id == incident_id).order_by(evidence.c.number)
    if round_number is not None:
        query = query.where(evidence.c.round == round_number)
    return [_evidence(row) for row in connection.execute(query).mappings()]


def _evidence(row: RowMapping) -> Evidence:
    values = dict(row)
    values["id"] = f"E{values.pop('number')}"
    del values["round"]
    return Evidence.model_validate(values)


def add_diagnosis(
    connection: Connection, incident_id: str, round_number: int, diagnosis: Diagnosis, *, at: datetime, wall: float
) -> bool:
    """Store it unless this round has one. True if it was new."""
    values = {
        "incident_id": incident_id,
        "round": round_number,
        "verdict": diagnosis.verdict,
        "cause": diagnosis.top.cause if diagnosis.top else None,
        "diagnosis": diagnosis.model_dump(mode="json"),
        "made_at": at,
        "made_wall": wall,
    }
    return insert_once(connection, diagnoses, values)


def add_narration(connection: Connection, incident_id: str, round_number: int, narration: Narrative) -> bool:
    """Store the prose unless there is some. True if it was new."""
    changed = connection.execute(
        sa.update(diagnoses)
        .where(
            diagnoses.c.incident_id == incident_id,
            diagnoses.c.round == round_number,
            diagnoses.c.narrative.is_(sa.null()),
        )
        .values(narrative=narration.model_dump(mode="json"))
    )
    return changed.rowcount == 1


def diagnosis_of(
    connection: Connection, incident_id: str, *, round_number: int | None = None
) -> DiagnosisRecord | None:
    """That of `round_number`, or the newest."""
    query = sa.select(diagnoses).where(diagnoses.c.incident_id == incident_id).order_by(diagnoses.c.round.desc())
    if round_number is not None:
        query = query.where(diagnoses.c.round == round_number)
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        return None
    return DiagnosisRecord(
        incident_id=row.incident_id,
        round=row.round,
        diagnosis=Diagnosis.model_validate(row.diagnosis),
        narration=None if row.narrative is None else Narrative.model_validate(row.narrative),
        made_at=row.made_at,
        made_wall=row.made_wall,
    )


def add_proposal(
    connection: Connection, proposal: ActionProposal, *, round_number: int, purpose: ProposalPurpose, at: datetime
) -> bool:
    """Store it unless this round has one for this purpose. True if it was new."""
    values = {
        "incident_id": proposal.incident_id,
        "round": round_number,
        "purpose": purpose,
        "id": proposal.id,
        "document": proposal.model_dump_json(),
        "made_at": at,
    }
    return insert_once(connection, round_proposals, values)


def proposal_of(
    connection: Connection, incident_id: str, *, round_number: int, purpose: ProposalPurpose
) -> ActionProposal | None:
    found = connection.execute(
        sa.select(round_proposals.c.document).where(
            round_proposals.c.incident_id == incident_id,
            round_proposals.c.round == round_number,
            round_proposals.c.purpose == purpose,
        )
    ).scalar_one_or_none()
    return None if found is None else ActionProposal.model_validate_json(found)


def edit_proposal(connection: Connection, older_id: str, proposal: ActionProposal, *, at: datetime) -> bool:
    """Put an edit in its place; doing it again changes nothing. True if it was not there."""
    changed = connection.execute(
        sa.update(round_proposals)
        .where(round_proposals.c.id == older_id)
        .values(id=proposal.id, document=proposal.model_dump_json(), made_at=at)
    )
    return changed.rowcount == 1


def newest_proposal(connection: Connection, incident_id: str) -> tuple[ProposalPurpose, ActionProposal] | None:
    row = connection.execute(
        sa.select(round_proposals.c.purpose, round_proposals.c.document)
        .where(round_proposals.c.incident_id == incident_id)
        .order_by(round_proposals.c.made_at.desc(), round_proposals.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.purpose, ActionProposal.model_validate_json(row.document))


def add_verification(connection: Connection, incident_id: str, result: VerificationResult, *, at: datetime) -> bool:
    values = {
        "execution_id": result.execution_id,
        "incident_id": incident_id,
        "verified": result.verified,
        "result": result.model_dump(mode="json"),
        "made_at": at,
    }
    return insert_once(connection, verifications, values)


def verification_of(connection: Connection, execution_id: str) -> VerificationResult | None:
    found = connection.execute(
        sa.select(verifications.c.result).where(verifications.c.execution_id == execution_id)
    ).scalar_one_or_none()
    return None if found is None else VerificationResult.model_validate(found)
