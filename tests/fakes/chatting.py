"""A small platform to ask about, and stores with one incident and one approval."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.chat.ports import AnsweredCall, ReadsApprovals, ReadsIncidents, RunsTools
from agents.diagnosis.types import Diagnosis
from agents.incident.types import Incident, IncidentStatus, TimelineEvent
from foundation.errors import NotFound
from foundation.frozen import Frozen
from guardrails.approvals.types import ApprovalRequest
from guardrails.proposal import ActionProposal, BlastRadius, Plan, proposal_digest
from platform_core.access.principals import Principal
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog, Column, DataSource, Entity, FeatureView
from tests.fakes.diagnoses import DIAGNOSIS
from tools.contract import Observation

NOW = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
TENANTS = ("br", "ar")

CATALOG = Catalog(
    entities=(Entity(name="card", join_key="card_id", description="a card"),),
    sources=tuple(
        DataSource(
            name=f"payments_{tenant}",
            tenant=tenant,
            table=f"payments_{tenant}",
            deployment=f"ingest-{tenant}",
            columns=(Column(name="amount", dtype="float64", description="amount"),),
            owner="payments",
        )
        for tenant in TENANTS
    ),
    feature_views=(
        FeatureView(
            name="card_velocity",
            entity="card",
            sources=tuple(f"payments_{tenant}" for tenant in TENANTS),
            aggregations=(),
            ttl=timedelta(hours=24),
            freshness_sla=timedelta(minutes=10),
            owner="risk",
            channel="#risk",
            description="how often a card pays",
        ),
    ),
    feature_services=(),
)
_VIEW = "urn:vigia:feature_view:card_velocity"
LINEAGE = Lineage(
    [
        edge
        for tenant in TENANTS
        for edge in (
            (f"urn:vigia:deployment:ingest-{tenant}", f"urn:vigia:source:payments_{tenant}"),
            (f"urn:vigia:source:payments_{tenant}", _VIEW),
            (_VIEW, f"urn:vigia:endpoint:fraud-{tenant}"),
        )
    ]
    + [("urn:vigia:job:materialize-card_velocity", _VIEW)],
    {
        f"urn:vigia:{kind}:{name}-{tenant}".replace("payments-", "payments_"): tenant
        for tenant in TENANTS
        for kind, name in (("deployment", "ingest"), ("source", "payments"), ("endpoint", "fraud"))
    },
)


def human(name: str, *tenants: str, role: str = "oncall") -> Principal:
    return Principal.model_validate(
        {"id": f"human:{name}", "name": name, "roles": [role], "tenants": list(tenants or ("*",))}
    )


class Run(Frozen):
    tool: str
    arguments: dict[str, Any]
    observation: Observation
    digest: str = "0" * 64


class FakeRunner(RunsTools):
    """Answers with what it was given by tool name; counts the calls."""

    def __init__(self, answers: dict[str, Observation] | None = None) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers or {}

    def run(self, tool: str, arguments: dict[str, Any]) -> AnsweredCall:
        self.calls.append((tool, arguments))
        ordinary = Observation(status="success", summary=f"{tool} saw nothing unusual", figures={"seen": 1})
        return Run(tool=tool, arguments=arguments, observation=self._answers.get(tool, ordinary))


INCIDENT = Incident(
    id="inc_1",
    number=1,
    title="payments_br.amount changed unit (x100)",
    status="awaiting_approval",
    severity="critical",
    environment="production",
    tenant="br",
    subjects=("urn:vigia:source:payments_br", "urn:vigia:endpoint:fraud-br"),
    opened_at=NOW - timedelta(minutes=4),
    updated_at=NOW,
)


class Record(Frozen):
    diagnosis: Diagnosis


class FakeIncidents(ReadsIncidents):
    def by_label(self, label: str) -> Incident:
        if label != INCIDENT.label:
            raise NotFound(f"no incident {label!r}")
        return INCIDENT

    def list(
        self,
        *,
        statuses: Sequence[IncidentStatus] | None = None,
        tenants: Collection[str] | None = None,
        limit: int = 100,
    ) -> list[Incident]:
        return [INCIDENT] if statuses is None or INCIDENT.status in statuses else []

    def timeline(self, incident_id: str) -> Sequence[TimelineEvent]:
        told = "approval asked of ana@example.com"
        return [TimelineEvent(incident_id=incident_id, at=NOW, kind="approval.requested", actor="agent:i", text=told)]

    def diagnosis(self, incident_id: str) -> Record | None:
        return Record(diagnosis=DIAGNOSIS)


def approval() -> ApprovalRequest:
    arguments = {"source": "payments_br"}
    plan = Plan(
        target="urn:vigia:source:payments_br",
        target_revision=3,
        environment="production",
        tenant="br",
        changes=(),
        summary="quarantine payments_br after 05:40",
        expected_effect="decline rate back to usual",
    )
    proposal = ActionProposal(
        id="prp_1",
        incident_id="inc_1",
        tool="quarantine_source",
        arguments=arguments,
        tier="reversible",
        plan=plan,
        digest=proposal_digest("quarantine_source", arguments, "production", 3),
        blast_radius=BlastRadius(),
        compensation=None,
        post_conditions=(),
        evidence_ids=("E1",),
        rationale="cents",
        requested_by="agent:incident",
        created_at=NOW,
    )
    return ApprovalRequest(
        id="apr_1",
        proposal=proposal,
        status="pending",
        rule="production",
        approvers_needed=1,
        requested_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
    )


class FakeApprovals(ReadsApprovals):
    def pending(self) -> Sequence[ApprovalRequest]:
        return [approval()]

    def for_incident(self, incident_id: str) -> Sequence[ApprovalRequest]:
        return [approval()] if incident_id == INCIDENT.id else []

    def may_see(self, principal: Principal, request: ApprovalRequest) -> bool:
        return principal.may_act_for(request.proposal.tenant)
