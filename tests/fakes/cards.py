"""An incident card as the unit change of a payments source leaves it, over a real proposal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agents.incident.card import CardApproval, CardCause, CardProposal, IncidentCard
from guardrails.approvals.types import ApprovalRequest
from guardrails.proposal import ActionProposal, BlastRadius, Compensation, Plan, PlannedChange, proposal_digest
from tests.fakes.diagnoses import DIAGNOSIS
from tools.contract import Chart, Series

NIGHT = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
SOURCE = "urn:vigia:source:payments_br"


def quarantine_proposal(*, incident_id: str = "inc_1", proposal_id: str = "prp_1") -> ActionProposal:
    arguments = {"source": "payments_br", "since": "2026-11-19T05:40:00+00:00"}
    return ActionProposal(
        id=proposal_id,
        incident_id=incident_id,
        tool="quarantine_source",
        arguments=arguments,
        tier="reversible",
        plan=Plan(
            target=SOURCE,
            target_revision=3,
            environment="production",
            tenant="br",
            changes=(PlannedChange(field="quarantine_since", before=None, after=arguments["since"]),),
            summary="quarantine payments_br after 05:40 and serve last-known-good values",
            expected_effect="decline rate back under 1.5 % within 5 min",
        ),
        digest=proposal_digest("quarantine_source", arguments, "production", 3),
        blast_radius=BlastRadius(feature_views=3, feature_services=1, models=1, endpoints=("fraud-br",)),
        compensation=Compensation(
            tool="release_quarantine", arguments={"source": "payments_br"}, summary="release the quarantine"
        ),
        post_conditions=(),
        evidence_ids=("E1", "E3"),
        rationale="the values after 05:40 are a hundred times too large",
        requested_by="agent:incident",
        created_at=NIGHT,
    )


def incident_card(request: ApprovalRequest, *, title: str | None = None) -> IncidentCard:
    """The card while `request` is as it is."""
    proposal, top = request.proposal, DIAGNOSIS.ranked[0]
    decided = request.decisions[-1] if request.decisions else None
    return IncidentCard(
        incident_id=proposal.incident_id,
        label="INC-0042",
        title=title or top.title,
        status="awaiting_approval" if decided is None else "mitigating",
        outcome=None,
        severity="critical",
        environment="production",
        tenant="br",
        as_of=NIGHT,
        opened_at=NIGHT,
        updated_at=NIGHT,
        subjects=(SOURCE, "urn:vigia:endpoint:fraud-br"),
        alerts=2,
        impact="fraud-br declines 9.4 % of payments (usual 1.1 %)",
        verdict="cause",
        most_likely=CardCause(
            cause=top.cause,
            title=top.title,
            confidence=top.confidence,
            supporting=top.supporting,
            refuting=top.refuting,
        ),
        also_possible=(),
        ruled_out=tuple(
            CardCause(
                cause=h.cause, title=h.title, confidence=h.confidence, supporting=h.supporting, refuting=h.refuting
            )
            for h in DIAGNOSIS.ruled_out
        ),
        not_checked=top.not_checked,
        look_next=(),
        narration=None,
        charts=(
            Chart(
                title="amount p50 by minute",
                unit="BRL",
                series=(
                    Series(
                        name="payments_br", points=tuple((NIGHT + timedelta(minutes=i), 84.0 + i) for i in range(20))
                    ),
                ),
                marks=((NIGHT, "deploy ingest-br 4.7.0"),),
            ),
        ),
        proposal=CardProposal(
            id=proposal.id,
            purpose="action",
            tool=proposal.tool,
            arguments=proposal.arguments,
            tier=proposal.tier,
            summary=proposal.plan.summary,
            rationale=proposal.rationale,
            changes=proposal.plan.changes,
            diff=("quarantine_since: none -> 2026-11-19T05:40:00+00:00",),
            blast_radius=proposal.blast_radius,
            expected_effect=proposal.plan.expected_effect,
            verified_by=("decline rate of fraud-br < 3 %",),
            undo="release the quarantine",
            monthly_saving_usd=None,
            evidence_ids=proposal.evidence_ids,
            digest_short=proposal.digest[:8],
        ),
        approval=CardApproval(
            id=request.id,
            status=request.status,
            rule=request.rule,
            approvers_needed=request.approvers_needed,
            who_may="1 of oncall, approver or admin, not the requester",
            requested_at=request.requested_at,
            expires_at=request.expires_at,
            decisions=request.decisions,
        ),
        execution=None,
        verification=None,
        status_line="" if decided is None else f"{decided.verdict} by {decided.principal_id}",
        runbook=None,
        probes=11,
        seconds_to_diagnosis=3.1,
        model_used=None,
        audit_entries=20931,
        audit_head="7b1e" * 16,
    )
