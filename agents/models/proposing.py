"""A promotion or a retraining as a proposal: planned, bound by digest, stored, and decided by people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.diagnosis.proposals import bind
from agents.incident.ports import ApprovalDesk
from foundation.clock import Clock
from foundation.errors import Conflict, InvalidInput
from guardrails.approvals.types import ApprovalRequest
from guardrails.executor.port import Planner
from platform_core.catalog.lineage import Lineage
from platform_core.training.gates.verdicts import PromotionReview

LONGEST = 60
_AFFAIR = "mdl:"


def affair(model: str) -> str:
    """What stands in the place of an incident's id on a proposal about a model that is no incident's."""
    if len(model) > LONGEST:
        raise InvalidInput(f"the name of model {model[:20]!r}… is longer than {LONGEST} characters")
    return f"{_AFFAIR}{model}"


def is_affair(incident_id: str) -> bool:
    """Whether what bears this id belongs to a model and to no incident."""
    return incident_id.startswith(_AFFAIR)


@dataclass(frozen=True)
class ModelProposals:
    """`planners` can plan and nothing else. Everything raises as planning and `ApprovalService.request` do."""

    planners: Mapping[str, Planner]
    approvals: ApprovalDesk
    lineage: Lineage
    clock: Clock

    def promote(self, review: PromotionReview, *, requested_by: str) -> ApprovalRequest:
        """Into production, on the strength of `review`. Raises Conflict for one that did not pass."""
        if not review.passed:
            raise Conflict(f"{review.name} version {review.version} did not pass: {'; '.join(review.objections())}")
        arguments = {"model": review.name, "version": review.version, "review": review.id}
        against = "no champion" if review.champion is None else f"version {review.champion}"
        said = "; ".join(f"{verdict.gate}: {verdict.said}" for verdict in review.verdicts)
        rationale = f"Passed {len(review.verdicts)} gates against {against} (review {review.id}). {said}"
        return self._ask(review.name, "promote_model", arguments, rationale, requested_by)

    def demote(
        self, model: str, version: str, restore: str | None, review: str | None, *, requested_by: str
    ) -> ApprovalRequest:
        """Out of production; `restore`, which was there by `review`, comes back in its place."""
        arguments = {"model": model, "version": version, "restore": restore, "review": review}
        instead = "nothing comes in its place" if restore is None else f"version {restore} comes back"
        why = f"{requested_by} asks to take version {version} out of production; {instead}"
        return self._ask(model, "demote_model", arguments, why, requested_by)

    def retrain(self, model: str, why: str, *, since: datetime | None, requested_by: str) -> ApprovalRequest:
        """Raises Conflict when a training is asked for already, or waits for a decision."""
        waiting = [r for r in self.approvals.for_incident(affair(model)) if self._waits(r, "retrain_model")]
        if waiting:
            raise Conflict(f"{waiting[0].id} asks for a training of {model} already", hint=f"it is {waiting[0].status}")
        arguments: dict[str, Any] = {"model": model, "since": None if since is None else since.isoformat()}
        return self._ask(model, "retrain_model", arguments, why, requested_by)

    def _waits(self, request: ApprovalRequest, tool: str) -> bool:
        """Whether it may still be carried out."""
        still = request.status == "approved" or (request.status == "pending" and request.expires_at > self.clock.now())
        return request.proposal.tool == tool and still

    def _ask(
        self, model: str, tool: str, arguments: dict[str, Any], rationale: str, requested_by: str
    ) -> ApprovalRequest:
        planner = self.planners[tool]
        proposal = bind(
            planner,
            arguments,
            planner.plan(arguments),
            self.lineage,
            incident_id=affair(model),
            evidence_ids=(),
            rationale=rationale,
            requested_by=requested_by,
            clock=self.clock,
        )
        return self.approvals.request(proposal)
