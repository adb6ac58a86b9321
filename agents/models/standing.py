"""What was approved for a model is carried out, verified, and its undo proposed if it did not work.

As an incident's flow does with its action, but there is no incident to tell: the audit log is the record of what became
of it, and what is not in there yet is to be done. Two workers may do this at once: the executor acts once per approval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.engine import Engine

from agents.diagnosis.proposals import bind
from agents.incident.ports import ActionExecutor, ApprovalDesk
from agents.incident.state import Watch
from agents.incident.types import VerificationResult
from agents.incident.verify import Verifier
from agents.models.proposing import affair
from audit.entry import AuditRecord
from audit.port import AuditLog
from audit.search import said_of
from foundation.clock import Clock
from foundation.database import reading
from foundation.errors import Unavailable, VigiaError
from foundation.telemetry.logs import get_logger
from guardrails.approvals.types import ApprovalRequest
from guardrails.executor.port import ActionExecution, Planner
from guardrails.proposal import Compensation
from platform_core.catalog.lineage import Lineage
from platform_core.operations.resources import ResourceReader
from platform_core.urn import parse_urn

log = get_logger(__name__)
ACTOR = "agent:models"
OUTCOMES = ("action.verified", "action.not_verified")


@dataclass
class StandingRequests:
    """`step` does what is due, for every model that the control plane keeps."""

    engine: Engine
    clock: Clock
    audit: AuditLog
    resources: ResourceReader
    approvals: ApprovalDesk
    executor: ActionExecutor
    verifier: Verifier
    planners: Mapping[str, Planner]
    lineage: Callable[[], Lineage]
    _watches: dict[str, Watch] = field(default_factory=dict[str, Watch])
    _done: set[str] = field(default_factory=set[str])
    _said: dict[str, str] = field(default_factory=dict[str, str])

    def step(self) -> bool:
        """Whether anything was done."""
        worked = False
        for resource in self.resources.list(kind="model"):
            for request in self.approvals.for_incident(affair(parse_urn(resource.urn)[1])):
                if request.id not in self._done:
                    worked = self._attend(request) or worked
        return worked

    def _attend(self, request: ApprovalRequest) -> bool:
        try:
            if request.status == "approved":
                self.executor.execute(request.id)
            execution = self.executor.for_approval(request.id)
            if execution is None:
                self._forget(request, when=request.status in ("rejected", "expired"))
                return False
            if execution.status in ("started", "unknown"):
                self.executor.execute(request.id)  # settles it: asked by its key, never applied twice
                return False
            return self._follow(request, execution)
        except VigiaError as error:
            if self._said.get(request.id) != error.message:  # held by the kill switch, say: it is tried again
                self._said[request.id] = error.message
                log.warning("not carried out", approval=request.id, reason=error.message)
            return False

    def _follow(self, request: ApprovalRequest, execution: ActionExecution) -> bool:
        if execution.status == "failed" or self._told(request, execution):
            self._forget(request, when=True)
            return False
        proposal = request.proposal
        seen = self.verifier.look(execution.id, proposal.post_conditions, self._watches.get(execution.id))
        if not isinstance(seen, VerificationResult):
            self._watches[execution.id] = seen
            return False
        if not seen.verified:
            self._undo(request)  # first: once the outcome is told nobody looks at this request again
        self._tell(request, seen)
        self._forget(request, when=True)
        return True

    def _told(self, request: ApprovalRequest, execution: ActionExecution) -> bool:
        with reading(self.engine) as connection:
            return bool(said_of(connection, execution.id, incident_id=request.proposal.incident_id, actions=OUTCOMES))

    def _tell(self, request: ApprovalRequest, result: VerificationResult) -> None:
        said = ("verified: " if result.verified else "not verified: ") + "; ".join(result.checks)
        record = AuditRecord(
            action="action.verified" if result.verified else "action.not_verified",
            actor=ACTOR,
            subject=result.execution_id,
            tenant=request.proposal.tenant,
            incident_id=request.proposal.incident_id,
            payload={**result.model_dump(mode="json"), "text": said},
        )
        self.audit.append(record)

    def _undo(self, request: ApprovalRequest) -> None:
        """An undo needs an approval of its own, as everything in production. It is proposed once however often this is
        asked. Raises Unavailable, when it is to be asked again; where it is refused, there is nothing to try again."""
        undo = request.proposal.compensation
        if undo is None or undo.tool not in self.planners:
            return
        try:
            self._propose(request, undo)
        except Unavailable:
            raise
        except VigiaError as error:
            log.warning("undo not proposed", approval=request.id, reason=error.message)

    def _propose(self, request: ApprovalRequest, undo: Compensation) -> None:
        """The way back from `request`."""
        rationale = f"{request.id}: {request.proposal.tool} was carried out but could not be verified: {undo.summary}"
        asked = self.approvals.for_incident(request.proposal.incident_id)
        if any((r.proposal.requested_by, r.proposal.rationale) == (ACTOR, rationale) for r in asked):
            return
        planner = self.planners[undo.tool]
        proposal = bind(
            planner,
            undo.arguments,
            planner.plan(undo.arguments),
            self.lineage(),
            incident_id=request.proposal.incident_id,
            evidence_ids=(),
            rationale=rationale,
            requested_by=ACTOR,
            clock=self.clock,
        )
        self.approvals.request(proposal)

    def _forget(self, request: ApprovalRequest, *, when: bool) -> None:
        if when:
            self._done.add(request.id)
            self._said.pop(request.id, None)
