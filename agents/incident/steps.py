"""The steps of the flow. Each may run again from its top after a crash, so each looks first at what is stored.

A step takes the graph's state (ids and small values) and returns what changed in it. What it decides it writes to the
incident store in one transaction with timeline and audit.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from agents.evidence import Evidence
from agents.incident.edits import follow_edit
from agents.incident.langgraph_runtime import interrupt
from agents.incident.looks import Looks
from agents.incident.ports import ActionExecutor, ApprovalDesk, Observer, Triage
from agents.incident.reconsidering import reconsider
from agents.incident.recording import Recorder
from agents.incident.state import Change, FlowState, proposed_in
from agents.incident.store import IncidentStore
from agents.incident.types import VerificationResult
from agents.incident.verify import Verifier
from agents.llm.narrative import Narrator
from foundation.clock import Clock
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from foundation.telemetry import metrics
from guardrails.approvals.types import ApprovalRequest
from guardrails.proposal import ActionProposal
from platform_core.monitoring.alert import Alert


class Held(Conflict):
    """The approval stands, but the kill switch holds its execution back. No failure: it goes on when released."""


@dataclass(frozen=True)
class Steps:
    store: IncidentStore
    triage: Triage
    narrator: Narrator
    approvals: ApprovalDesk
    executor: ActionExecutor
    verifier: Verifier
    recorder: Recorder
    clock: Clock
    observer: Observer
    looks: Looks
    max_rounds: int = 5
    max_looks: int = 3
    begun: dict[str, float] = field(default_factory=dict[str, float], init=False)
    """When this process began the investigations under way, by `perf_counter`: one that was taken over after a crash
    is not measured."""

    def gather(self, state: FlowState) -> Change:
        incident_id, round_number = state["incident_id"], state["round"]
        if not state.get("looking"):  # else people go on deciding meanwhile
            self.store.transition(
                incident_id, "investigating", key=f"investigating:{round_number}", text=f"investigation {round_number}"
            )
        if not self.store.evidence(incident_id, round_number=round_number):
            self.looks.taken(incident_id)
            self.begun[incident_id] = time.perf_counter()
            now = self.clock.now()
            answers = [
                Evidence(
                    id="E0",
                    incident_id=incident_id,
                    tool=answer.tool,
                    arguments=answer.arguments,
                    observation=answer.observation,
                    digest=answer.digest,
                    collected_at=now,
                    wall_ms=answer.wall_ms,
                )
                for answer in self.triage.gather(self._alerts(incident_id))
            ]
            self.observer("gather:answered")
            self.store.add_evidence(incident_id, round_number, answers)
        return {"again": False}

    def diagnose(self, state: FlowState) -> Change:
        incident_id, round_number = state["incident_id"], state["round"]
        if self.store.diagnosis(incident_id, round_number=round_number) is None:
            evidence = self.store.evidence(incident_id, round_number=round_number)
            diagnosis = self.triage.diagnose(self._alerts(incident_id), evidence)
            self.store.add_diagnosis(incident_id, round_number, diagnosis)
            if (began := self.begun.pop(incident_id, None)) is not None:
                metrics.diagnosis_seconds.observe(time.perf_counter() - began)
        return {}

    def narrate(self, state: FlowState) -> Change:
        incident_id, round_number = state["incident_id"], state["round"]
        record = self.store.diagnosis(incident_id, round_number=round_number)
        if record is not None and record.narration is None:
            evidence = self.store.evidence(incident_id, round_number=round_number)
            narrative = self.narrator.narrate(record.diagnosis, evidence)
            self.store.add_narration(incident_id, round_number, narrative)
        return {}

    def propose(self, state: FlowState) -> Change:
        incident_id, round_number = state["incident_id"], state["round"]
        if self.store.proposal(incident_id, round_number=round_number, purpose="action") is not None:
            return {"purpose": "action"}
        record = self.store.diagnosis(incident_id, round_number=round_number)
        if record is None or record.diagnosis.verdict == "inconclusive":
            return {"ending": "inconclusive"}
        proposal = self.triage.propose(record.diagnosis, incident_id)
        if proposal is None:
            return {"ending": "no_action"}
        self.store.add_proposal(proposal, round_number=round_number, purpose="action")
        return {"purpose": "action"}

    def ask(self, state: FlowState) -> Change:
        """The request is stored before anything is shown; one request per proposal, however often this runs."""
        proposal = self._proposal(state)
        request = self._request_for(proposal)
        if request is None:
            try:
                request = self.approvals.request(proposal)
            except Forbidden as error:
                key = f"denied:{proposal.id}"
                self.store.tell(proposal.incident_id, "proposal.denied", error.message, key=key)
                return {"ending": "no_action"}
            self.observer("ask:requested")
        self.store.transition(
            proposal.incident_id,
            "awaiting_approval",
            key=f"awaiting:{proposal.id}",
            text=f"asked for approval of {proposal.tool}: {proposal.plan.summary}",
        )
        return {"approval_id": request.id}

    def wait(self, state: FlowState) -> Change:
        """Pauses the conversation until somebody has decided. It is not the gate: the executor asks the approval."""
        return {"edited": False, **self._waited(state)}

    def _waited(self, state: FlowState) -> Change:
        request = self.approvals.get(_known(state["approval_id"]))
        while request.status == "pending":
            if self._looks_again(state):
                following = self.store.next_round(state["incident_id"], finished=state["round"])
                looks = state.get("looks", 0) + 1
                return {"looking": True, "looks": looks, "round": following, "proposed_in": proposed_in(state)}
            interrupt(request.id)
            request = self.approvals.get(request.id)
        if request.superseded_by is not None:
            return follow_edit(state, request, self.store, self.approvals)
        self._tell_decision(request)
        if request.status in ("rejected", "expired") and self.executor.for_approval(request.id) is None:
            return {"ending": request.status if state["purpose"] == "action" else "failed"}
        return {}

    def reconsider(self, state: FlowState) -> Change:
        """After another look, with people still deciding: the proposal stands, or a better one takes its place."""
        return reconsider(state, self.store, self.triage, self.approvals)

    def execute(self, state: FlowState) -> Change:
        incident_id, approval_id = state["incident_id"], _known(state["approval_id"])
        key = f"mitigating:{approval_id}"
        self.store.transition(incident_id, "mitigating", key=key, text="carrying out what was approved")
        self.observer("execute:begun")
        try:
            execution = self.executor.execute(approval_id)
        except Conflict as stopped:
            return self._stopped(state, stopped)
        except Forbidden as refused:
            self.store.tell(incident_id, "action.refused", refused.message, key=f"refused:{approval_id}")
            return {"ending": "failed"}
        self.observer("execute:returned")
        if execution.status in ("started", "unknown"):
            raise Unavailable(
                f"whether {execution.id} took effect is not known yet: {execution.error or 'the target is silent'}",
                hint="it is asked again by its idempotency key, and never applied twice",
            )
        text = "executed" if execution.status == "succeeded" else f"failed: {execution.error}"
        if self.store.tell(incident_id, f"action.{execution.status}", text, key=f"executed:{execution.id}"):
            metrics.executions.labels(self._proposal(state).tool, execution.status).inc()
        return {"execution_id": execution.id, "ending": None if execution.status == "succeeded" else "failed"}

    def verify(self, state: FlowState) -> Change:
        execution_id = _known(state["execution_id"])
        result = self.store.verification(execution_id)
        if result is None:
            conditions = self._proposal(state).post_conditions
            # .get: threads that were begun before there was a watch have none.
            seen = self.verifier.look(execution_id, conditions, state.get("watch"))
            self.observer("verify:probed")
            if not isinstance(seen, VerificationResult):
                return {"watch": seen}
            result = self.store.add_verification(state["incident_id"], seen)
        if state["purpose"] == "compensation":
            return {"ending": "failed", "watch": None}
        return {"ending": "mitigated" if result.verified else None, "watch": None}

    def rest(self, state: FlowState) -> Change:
        """Pauses until the next look is due. A condition may take a quarter of an hour to hold: no thread waits."""
        interrupt(state["execution_id"])
        return {}

    def compensate(self, state: FlowState) -> Change:
        """It did not work: propose its undo, which needs an approval of its own."""
        incident_id, round_number = state["incident_id"], proposed_in(state)
        if self.store.proposal(incident_id, round_number=round_number, purpose="compensation") is None:
            try:
                undo = self.triage.compensate(self._proposal(state))
            except (Conflict, InvalidInput, NotFound) as impossible:
                self.store.tell(incident_id, "compensation.skipped", impossible.message, key=f"undo:{round_number}")
                undo = None
            if undo is None:
                return {"ending": "failed"}
            self.store.add_proposal(undo, round_number=round_number, purpose="compensation")
        return {"purpose": "compensation", "approval_id": None, "execution_id": None}

    def record(self, state: FlowState) -> Change:
        self.recorder.record(state["incident_id"], state["round"], state["ending"] or "failed")
        return {}

    def _stopped(self, state: FlowState, stopped: Conflict) -> Change:
        """Nothing was done. Either the approval still stands and the kill switch holds it back: try later; or it does
        not, because the target moved or the grant ran out: look again and propose anew."""
        incident_id, round_number, approval_id = state["incident_id"], state["round"], _known(state["approval_id"])
        request = self.approvals.get(approval_id)
        if request.status == "approved":
            self.store.tell(incident_id, "action.held", stopped.message, key=f"held:{approval_id}")
            raise Held(stopped.message, hint=stopped.hint)
        if request.superseded_by is not None:
            return follow_edit(state, request, self.store, self.approvals)
        self.store.tell(incident_id, "proposal.voided", stopped.message, key=f"moved:{approval_id}")
        if state["purpose"] == "compensation" or round_number >= self.max_rounds:
            return {"ending": "failed"}
        following = self.store.next_round(incident_id, finished=round_number)
        return {
            "again": True,
            "round": following,
            "purpose": "action",
            "approval_id": None,
            "execution_id": None,
            "proposed_in": None,
        }

    def _looks_again(self, state: FlowState) -> bool:
        """Whether alerts that joined are looked at before the decision; what is not is said once."""
        incident_id = state["incident_id"]
        if not self.looks.due(incident_id):
            return False
        enough = state.get("looks", 0) >= self.max_looks or state["round"] >= self.max_rounds
        if state["purpose"] == "action" and not enough:
            return True
        self.looks.taken(incident_id)
        if enough:
            text = f"more alerts joined; after {state['round']} looks at it the rest is a person's"
            self.store.tell(incident_id, "investigation.left", text, key=f"left:{state['approval_id']}")
        return False

    def _alerts(self, incident_id: str) -> list[Alert]:
        """As they are to be read: a sender whose clock is off does not date the onset."""
        stored = self.store.alerts(incident_id)
        return [s.alert.model_copy(update={"starts_at": s.effective_at}) for s in stored]

    def _proposal(self, state: FlowState) -> ActionProposal:
        round_number = proposed_in(state)
        proposal = self.store.proposal(state["incident_id"], round_number=round_number, purpose=state["purpose"])
        if proposal is None:
            raise Conflict(f"round {round_number} of {state['incident_id']} has no {state['purpose']} proposal")
        return proposal

    def _request_for(self, proposal: ActionProposal) -> ApprovalRequest | None:
        known = self.approvals.for_incident(proposal.incident_id)
        return next((request for request in known if request.proposal.id == proposal.id), None)

    def _tell_decision(self, request: ApprovalRequest) -> None:
        who = ", ".join(f"{d.principal_id} ({d.channel})" for d in request.decisions)
        text = f"{request.status} by {who}" if who else f"{request.status}: nobody decided"
        actor = request.decisions[-1].principal_id if request.decisions else "service:worker"
        told = self.store.tell(
            request.proposal.incident_id, f"approval.{request.status}", text, key=f"decided:{request.id}", actor=actor
        )
        if told:
            # claimed, when it is executed before it is told of, is an approval
            metrics.approvals.labels("approved" if request.status == "claimed" else request.status).inc()


def _known(value: str | None) -> str:
    if value is None:
        raise Conflict("the flow has no id where one must be", hint="the checkpoint and the database do not match")
    return value
