"""Builds the card from what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from agents.diagnosis.types import Diagnosis, Hypothesis
from agents.evidence import Evidence
from agents.incident.card import (
    CardApproval,
    CardCause,
    CardExecution,
    CardProposal,
    CardRunbook,
    IncidentCard,
)
from agents.incident.ports import ActionExecutor, ApprovalDesk
from agents.incident.status_line import status_line
from agents.incident.store import IncidentStore
from agents.incident.types import DiagnosisRecord, ProposalPurpose, StoredAlert
from agents.runbooks.library import RunbookLibrary
from foundation.clock import Clock
from foundation.outside_text import OutsideText, Redact, unredacted
from guardrails.approvals.break_glass import BrokenGlass
from guardrails.approvals.types import ApprovalRequest
from guardrails.executor.port import ActionExecution
from guardrails.proposal import ActionProposal
from guardrails.taint.choices import strings_in
from guardrails.taint.suspicion import suspicious
from platform_core.access.principals import Environment
from platform_core.monitoring.alert import AlertKind
from tools.contract import Chart

NEAREST_TO_PEOPLE: tuple[AlertKind, ...] = ("score_shift", "errors", "latency", "cost", "freshness", "drift")
"""Whose payment is declined comes before whose column moved."""


WORTH_SHOWING = 0.03
"""Of what is only possible; the rest stands in the diagnosis, for those who look into it."""


GlassOver = Callable[[Environment, str | None], tuple[BrokenGlass, ...]]
"""Broken glass that holds now for an environment and a tenant."""


class TreeHeadView(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def root_hash(self) -> str: ...


class LogHead(Protocol):
    def head(self) -> TreeHeadView: ...


class CardBuilder:
    def __init__(
        self,
        store: IncidentStore,
        approvals: ApprovalDesk,
        executor: ActionExecutor,
        runbooks: RunbookLibrary,
        clock: Clock,
        *,
        log: LogHead | None = None,
        redact: Redact = unredacted,
        who_may: Callable[[ActionProposal], str] = lambda _proposal: "those whom policy lets approve",
        budget_note: Callable[[str, str | None], str | None] = lambda incident_id, tenant: None,
        glass: GlassOver = lambda environment, tenant: (),
    ) -> None:
        self._store = store
        self._approvals = approvals
        self._executor = executor
        self._runbooks = runbooks
        self._clock = clock
        self._log = log
        self._who_may = who_may
        self._budget_note = budget_note
        self._glass = glass
        self._outside = OutsideText(redact)

    def build(self, incident_id: str) -> IncidentCard:
        """Raises NotFound."""
        incident = self._store.get(incident_id)
        alerts = self._store.alerts(incident_id)
        evidence = self._store.evidence(incident_id)
        record = self._store.diagnosis(incident_id)
        diagnosis = record.diagnosis if record else None
        top = diagnosis.top if diagnosis else None
        newest = self._store.newest_proposal(incident_id)
        request = self._request(incident_id, newest[1]) if newest else None
        execution = self._harmless(self._executor.for_approval(request.id)) if request else None
        verification = self._store.verification(execution.id) if execution else None
        head = self._log.head() if self._log else None
        return IncidentCard(
            incident_id=incident.id,
            as_of=self._clock.now(),
            label=incident.label,
            title=incident.title,
            status=incident.status,
            outcome=incident.outcome,
            severity=incident.severity,
            environment=incident.environment,
            tenant=incident.tenant,
            opened_at=incident.opened_at,
            updated_at=incident.updated_at,
            subjects=incident.subjects,
            alerts=len(alerts),
            impact=_impact(top, alerts),
            verdict=diagnosis.verdict if diagnosis else None,
            most_likely=_cause(top) if top else None,
            also_possible=tuple(_cause(h) for h in diagnosis.ranked[1:] if h.confidence >= WORTH_SHOWING)
            if diagnosis
            else (),
            ruled_out=tuple(_cause(h) for h in diagnosis.ruled_out) if diagnosis else (),
            not_checked=_not_checked(diagnosis),
            look_next=diagnosis.look_next if diagnosis else (),
            narration=record.narration if record else None,
            charts=_charts(top, evidence),
            proposal=card_proposal(*newest) if newest else None,
            approval=_approval(request, self._who_may) if request else None,
            execution=_execution(execution) if execution else None,
            verification=verification,
            status_line=status_line(incident, request, execution, verification, self._store.timeline(incident_id)),
            runbook=self._runbook(top),
            probes=len(evidence),
            seconds_to_diagnosis=_seconds(alerts, self._store.diagnosis(incident_id, round_number=1)),
            model_used=_model(record),
            audit_entries=head.size if head else None,
            audit_head=head.root_hash if head else None,
            suspicious=tuple(suspicious(outside_texts(alerts, evidence))),
            budget_note=self._budget_note(incident.id, incident.tenant),
            glass=self._glass(incident.environment, incident.tenant),
        )

    def _harmless(self, execution: ActionExecution | None) -> ActionExecution | None:
        """What a target answered when it failed is text from outside."""
        if execution is None or execution.error is None:
            return execution
        return execution.model_copy(update={"error": self._outside.text(execution.error)})

    def _request(self, incident_id: str, proposal: ActionProposal) -> ApprovalRequest | None:
        known = self._approvals.for_incident(incident_id)
        return next((request for request in known if request.proposal.id == proposal.id), None)

    def _runbook(self, top: Hypothesis | None) -> CardRunbook | None:
        runbook = self._runbooks.find(top.cause) if top else None
        if runbook is None:
            return None
        head = runbook.head
        return CardRunbook(
            file=runbook.file, title=head.title, owner=head.owner, worked=head.worked, tried=runbook.tried
        )


def outside_texts(alerts: list[StoredAlert], evidence: list[Evidence]) -> Iterator[tuple[str, str]]:
    """Every text that came from outside, with the evidence it came with."""
    for number, stored in enumerate(alerts, 1):
        yield f"alert {number}", stored.alert.summary
    for piece in evidence:
        for text in strings_in(piece.observation.model_dump(mode="json", exclude={"status"})):
            yield piece.id, text


def _cause(hypothesis: Hypothesis) -> CardCause:
    return CardCause(
        cause=hypothesis.cause,
        title=hypothesis.title,
        confidence=hypothesis.confidence,
        supporting=hypothesis.supporting,
        refuting=hypothesis.refuting,
    )


def _impact(top: Hypothesis | None, alerts: list[StoredAlert]) -> str:
    told = top.facts.get("impact") if top else None
    if isinstance(told, str):
        return told
    order = {kind: place for place, kind in enumerate(NEAREST_TO_PEOPLE)}
    nearest = min(alerts, key=lambda stored: order.get(stored.alert.kind, len(order)), default=None)
    if nearest is None:
        return ""
    alert = nearest.alert
    if any(suspicious([("", alert.summary)])):
        # Said in the card's own voice, an order would be ours.
        return f"{alert.kind.replace('_', ' ')} on {alert.subject.split(':', 3)[-1]}; its words are suspicious content"
    return alert.summary


def _not_checked(diagnosis: Diagnosis | None) -> tuple[str, ...]:
    if diagnosis is None:
        return ()
    return tuple(dict.fromkeys(gap for hypothesis in diagnosis.ranked for gap in hypothesis.not_checked))


def _charts(top: Hypothesis | None, evidence: list[Evidence]) -> tuple[Chart, ...]:
    cited = [i for finding in (top.supporting if top else ()) for i in finding.evidence_ids]
    by_id = {piece.id: piece for piece in evidence}
    carrying = [by_id[i] for i in dict.fromkeys(cited) if i in by_id]
    newest = {piece.tool + str(piece.arguments): piece for piece in evidence}.values()
    others = [piece for piece in newest if piece not in carrying]
    charts = [piece.observation.chart for piece in carrying if piece.observation.chart is not None]
    # what nobody cites is worth looking at where something is marked in it
    shown = [piece.observation.chart for piece in others if piece.observation.chart is not None]
    charts += [chart for chart in shown if chart.marks]
    return tuple((charts or shown)[:2])


def card_proposal(purpose: ProposalPurpose, proposal: ActionProposal) -> CardProposal:
    """What is proposed, as a card has it."""
    plan = proposal.plan
    return CardProposal(
        id=proposal.id,
        purpose=purpose,
        tool=proposal.tool,
        arguments=proposal.arguments,
        tier=proposal.tier,
        summary=plan.summary,
        rationale=proposal.rationale,
        changes=plan.changes,
        diff=tuple(change.line for change in plan.changes),
        blast_radius=proposal.blast_radius,
        expected_effect=plan.expected_effect,
        verified_by=tuple(condition.description for condition in proposal.post_conditions),
        undo=proposal.compensation.summary if proposal.compensation else None,
        monthly_saving_usd=proposal.monthly_saving_usd,
        evidence_ids=proposal.evidence_ids,
        digest_short=f"{proposal.digest[:4]}…{proposal.digest[-2:]}",
        requested_by=proposal.requested_by,
    )


def _approval(request: ApprovalRequest, who_may: Callable[[ActionProposal], str]) -> CardApproval:
    return CardApproval(
        id=request.id,
        status=request.status,
        rule=request.rule,
        approvers_needed=request.approvers_needed,
        who_may=f"{request.approvers_needed} of {who_may(request.proposal)}",
        requested_at=request.requested_at,
        expires_at=request.expires_at,
        decisions=request.decisions,
    )


def _execution(execution: ActionExecution) -> CardExecution:
    return CardExecution(
        id=execution.id,
        status=execution.status,
        started_at=execution.started_at,
        ended_at=execution.ended_at,
        error=execution.error,
        change_event_id=execution.receipt.change_event_id if execution.receipt else None,
    )


def _seconds(alerts: list[StoredAlert], first: DiagnosisRecord | None) -> float | None:
    """From the first alert's receipt to the first diagnosis, on the wall."""
    if first is None or not alerts:
        return None
    return round(first.made_wall - min(stored.received_wall for stored in alerts), 3)


def _model(record: DiagnosisRecord | None) -> str | None:
    author = record.narration.author if record and record.narration else None
    return None if author in (None, "template") else author
