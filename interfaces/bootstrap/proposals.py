"""How people propose and edit: with planners that were given no credential."""

from __future__ import annotations

from collections.abc import Mapping

from agents.incident.proposing import ProposalDesk
from agents.incident.store import IncidentStore
from audit.entry import AuditRecord
from guardrails.approvals.service import ApprovalService
from guardrails.executor.port import Planner
from interfaces.bootstrap.foundations import Foundations, open_existing
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.platform import platform_view
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.stores import make_incidents
from interfaces.http.services import ActionDescription
from interfaces.settings import Settings
from platform_core.access.principals import Principal
from platform_core.operations.resources import Resource
from platform_core.operations.visible import VisibleResources
from tools.act import action_types, actions


def make_proposals(base: Foundations, incidents: IncidentStore, approvals: ApprovalService) -> ProposalDesk:
    platform = platform_view(base)

    def planners(person: Principal) -> Mapping[str, Planner]:
        def hidden(resource: Resource) -> None:
            subject, tenant = resource.urn, resource.tenant
            payload = {"resource": subject}
            base.audit.append(
                AuditRecord(action="read.refused", actor=person.id, subject=subject, tenant=tenant, payload=payload)
            )

        return actions(VisibleResources(platform.resources, person, hidden=hidden), None, platform)

    return ProposalDesk(
        incidents,
        approvals,
        planners,
        action_types(),
        lambda: platform.lineage,
        clock=base.clock,
        redact=redactor(base.settings).redact,
    )


def proposal_desk(settings: Settings) -> ProposalDesk:
    base = open_existing(settings)
    return make_proposals(base, make_incidents(base), make_approvals(base, make_policy(settings)))


def describe_actions() -> list[ActionDescription]:
    """What can be proposed, by name."""
    return [
        ActionDescription(
            name=action.name,
            summary=action.summary,
            tier=action.tier,
            arguments=action.arguments.model_json_schema(),
            example=action.example,
        )
        for _, action in sorted(action_types().items())
    ]
