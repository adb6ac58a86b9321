"""From a diagnosis to the one action that would mend it, planned and bound by digest. Changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from agents.diagnosis.causes import causes
from agents.diagnosis.types import Diagnosis, Hypothesis
from agents.diagnosis.vocabulary import names_of
from foundation.clock import Clock
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import new_id
from guardrails.executor.port import Planner
from guardrails.proposal import ActionProposal, BlastRadius, Plan, proposal_digest
from guardrails.taint.choices import act_tool, pointing
from guardrails.taint.tainted import TaintedChoice
from platform_core.catalog.lineage import Lineage
from platform_core.urn import parse_urn

_log = logging.getLogger(__name__)

REASONS = 3
"""Findings that the rationale repeats."""


def propose(
    diagnosis: Diagnosis,
    planners: Mapping[str, Planner],
    lineage: Lineage,
    *,
    incident_id: str,
    requested_by: str,
    clock: Clock,
) -> ActionProposal | None:
    """The action that the first cause maps to; None when the diagnosis is inconclusive, when nothing would mend it, or
    when the plan finds nothing to change.

    Tool and target come from the cause and from names that probes found in the catalog; the planner checks every one
    again. Text from outside (error messages, change summaries) never chooses either.
    """
    top = diagnosis.top
    if diagnosis.verdict == "inconclusive" or top is None:
        return None
    call = causes()[top.cause].action(top.facts)
    if call is None or call.tool not in planners:
        return None
    planner = planners[act_tool(call.tool, planners)]
    try:
        plan = planner.plan(call.arguments)
        # Facts were read off evidence: what goes on to the tool is our own equal names, never evidence's text.
        arguments = pointing(call.arguments, names_of(lineage, plan), source="evidence")
    except (Conflict, InvalidInput, NotFound, TaintedChoice) as error:
        _log.warning("no plan for %s with %s: %s", call.tool, call.arguments, error)
        return None
    return bind(
        planner,
        arguments,
        plan,
        lineage,
        incident_id=incident_id,
        evidence_ids=_cited(top),
        rationale=_rationale(top),
        monthly_saving_usd=_saving(top.facts),
        requested_by=requested_by,
        clock=clock,
    )


def bind(
    planner: Planner,
    arguments: dict[str, Any],
    plan: Plan,
    lineage: Lineage,
    *,
    incident_id: str,
    evidence_ids: tuple[str, ...],
    rationale: str,
    requested_by: str,
    clock: Clock,
    monthly_saving_usd: float | None = None,
) -> ActionProposal:
    """`plan` as a proposal: what an approval is bound to, with what it reaches, how it is undone and how verified."""
    return ActionProposal(
        id=new_id("prp"),
        incident_id=incident_id,
        tool=planner.name,
        arguments=arguments,
        tier=planner.tier,
        plan=plan,
        digest=proposal_digest(planner.name, arguments, plan.environment, plan.target_revision),
        blast_radius=blast_radius(plan, lineage),
        compensation=planner.compensation(arguments, plan),
        post_conditions=planner.post_conditions(arguments, plan),
        evidence_ids=evidence_ids,
        rationale=rationale,
        monthly_saving_usd=monthly_saving_usd,
        requested_by=requested_by,
        created_at=clock.now(),
    )


def blast_radius(plan: Plan, lineage: Lineage) -> BlastRadius:
    """What lies downstream of the target, within its tenant; an endpoint is within its own radius."""
    reached = [parse_urn(node) for node in (plan.target, *lineage.downstream(plan.target, tenant=plan.tenant))]
    kinds = [kind for kind, _ in reached]
    return BlastRadius(
        feature_views=kinds.count("feature_view"),
        feature_services=kinds.count("feature_service"),
        models=kinds.count("model"),
        endpoints=tuple(name for kind, name in reached if kind == "endpoint"),
    )


def _cited(top: Hypothesis) -> tuple[str, ...]:
    return tuple(dict.fromkeys(e for finding in top.supporting for e in finding.evidence_ids))


def _rationale(top: Hypothesis) -> str:
    reasons = "; ".join(f"{f.text} [{' '.join(f.evidence_ids)}]" for f in top.supporting[:REASONS])
    return f"{top.title} ({top.confidence:.2f}). {reasons}"


def _saving(facts: Mapping[str, Any]) -> float | None:
    value = facts.get("monthly_saving_usd")
    return float(value) if isinstance(value, int | float) else None
