"""A small world for the incident flow: a connector in a file, one action on it, and a triage that knows one fault.

The target counts how often it was really changed, across processes: that is what "never run twice" is measured by.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.diagnosis.types import Diagnosis, Finding, Hypothesis
from agents.evidence import Evidence
from agents.incident.ports import Observer, Triage, unobserved
from agents.llm.narrative import Narrative, Narrator, Sentence
from agents.runbooks.files import one_writer, write_atomically
from foundation.canonical import digest
from foundation.errors import Conflict, Unavailable
from foundation.ids import new_id
from guardrails.executor.port import Action
from guardrails.proposal import (
    ActionProposal,
    ActionReceipt,
    BlastRadius,
    Compensation,
    Plan,
    PlannedChange,
    PostCondition,
    Tier,
    proposal_digest,
)
from platform_core.monitoring.alert import Alert, AlertKind
from platform_core.urn import urn
from tools.contract import Observation
from tools.runner import ToolRun

CONNECTOR = urn("connector", "payments_br")
ARGUMENTS = {"source": "payments_br"}


class FileTarget:
    """A connector whose state is a file. `changes` counts real applications; a known key is answered, not repeated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            self._write(
                {"revision": 7, "restarts": 0, "changes": 0, "receipts": {}, "withdrawn": [], "healed_by_restart": True}
            )

    def read(self) -> dict[str, Any]:
        return json.loads(self._path.read_text())

    def set(self, **values: Any) -> None:
        self._write(self.read() | values)

    def apply(self, restarts: int, *, expected_revision: int, key: str) -> ActionReceipt:
        with one_writer(self._path.parent / "target-lock"):
            state = self.read()
            if key in state["receipts"]:
                return ActionReceipt.model_validate(state["receipts"][key]).model_copy(update={"replayed": True})
            if key in state["withdrawn"]:
                raise Conflict(f"{key} was withdrawn")
            if state["revision"] != expected_revision:
                raise Conflict(f"{CONNECTOR} is at revision {state['revision']}, not {expected_revision}")
            receipt = ActionReceipt(target=CONNECTOR, revision=expected_revision + 1, change_event_id=new_id("chg"))
            state |= {"revision": receipt.revision, "restarts": restarts, "changes": state["changes"] + 1}
            state["receipts"][key] = receipt.model_dump()
            self._write(state)
        return receipt

    def withdraw(self, key: str) -> ActionReceipt | None:
        with one_writer(self._path.parent / "target-lock"):
            state = self.read()
            if key in state["receipts"]:
                return ActionReceipt.model_validate(state["receipts"][key])
            self._write(state | {"withdrawn": [*state["withdrawn"], key]})
        return None

    def _write(self, state: dict[str, Any]) -> None:
        write_atomically(self._path, json.dumps(state))


class RestartConnector(Action):
    """`seen` is called around the effect, where a process likes to die."""

    name: str = "restart_connector"
    tier: Tier = "reversible"

    def __init__(self, target: FileTarget, seen: Observer = unobserved) -> None:
        self._target = target
        self._seen = seen
        self.silent = False
        """While true the target takes a call but its answer is lost."""

        self.within_seconds = 60.0
        """For the change to work; its undo is looked at once where this is shortened."""

    def plan(self, arguments: dict[str, Any]) -> Plan:
        state = self._target.read()
        after = arguments.get("restarts", state["restarts"] + 1)
        if after == state["restarts"]:
            raise Conflict(f"{CONNECTOR} has restarts {after} already")
        return Plan(
            target=CONNECTOR,
            target_revision=state["revision"],
            environment="production",
            tenant="br",
            changes=(PlannedChange(field="restarts", before=state["restarts"], after=after),),
            summary="restart connector payments_br",
            expected_effect="the backlog drains and card_velocity is fresh again",
        )

    def compensation(self, arguments: dict[str, Any], plan: Plan) -> Compensation | None:
        if "restarts" in arguments:
            return None
        back = {**arguments, "restarts": plan.changes[0].before}
        return Compensation(tool=self.name, arguments=back, summary="set restarts back")

    def post_conditions(self, arguments: dict[str, Any], plan: Plan) -> tuple[PostCondition, ...]:
        del plan
        undoes_quickly = "restarts" in arguments and self.within_seconds < 60
        return (
            PostCondition(
                tool="connector_status",
                arguments=ARGUMENTS,
                figure="state",
                operator="==",
                threshold="running",
                description="connector payments_br runs",
                within_seconds=0 if undoes_quickly else self.within_seconds,
            ),
        )

    def apply(
        self, arguments: dict[str, Any], *, expected_revision: int, idempotency_key: str, actor: str, reason: str
    ) -> ActionReceipt:
        del actor, reason
        restarts = arguments.get("restarts", self._target.read()["restarts"] + 1)
        self._seen("effect:before")
        receipt = self._target.apply(restarts, expected_revision=expected_revision, key=idempotency_key)
        self._seen("effect:after")
        if self.silent:
            raise Unavailable("the control plane did not answer")
        return receipt

    def find(self, idempotency_key: str) -> ActionReceipt | None:
        if self.silent:
            raise Unavailable("the control plane did not answer")
        known = self._target.read()["receipts"].get(idempotency_key)
        return None if known is None else ActionReceipt.model_validate(known)

    def withdraw(self, idempotency_key: str, *, actor: str) -> ActionReceipt | None:
        del actor
        if self.silent:
            raise Unavailable("the control plane did not answer")
        return self._target.withdraw(idempotency_key)


class OneFaultTriage(Triage):
    """Knows `source_stopped` and its remedy. `verdict` sets what it says; an alert of the kind `telling` makes it say
    `materialization_stuck` instead, whose remedy is the same."""

    def __init__(self, target: FileTarget, action: RestartConnector) -> None:
        self._target = target
        self._action = action
        self.verdict: str = "cause"
        self.telling: AlertKind | None = None
        self.gathered = 0

    def gather(self, alerts: Sequence[Alert]) -> list[ToolRun]:
        self.gathered += 1
        observation = self.probe("connector_status", ARGUMENTS)
        volume = Observation(status="success", summary=f"{len(alerts)} alerts; no rows for 12 min", figures={"rows": 0})
        return [_run("connector_status", observation), _run("source_volume", volume)]

    def probe(self, tool: str, arguments: dict[str, Any]) -> Observation:
        del tool, arguments
        state = self._target.read()
        running = state["restarts"] > 0 and state["healed_by_restart"]
        word = "running" if running else "failed"
        return Observation(status="success", summary=f"connector is {word}", figures={"state": word})

    def diagnose(self, alerts: Sequence[Alert], evidence: Sequence[Evidence]) -> Diagnosis:
        told = any(alert.kind == self.telling for alert in alerts)
        finding = Finding(text="the connector's task has failed", evidence_ids=(evidence[0].id,), weight=3.0)
        top = Hypothesis(
            cause="materialization_stuck" if told else "source_stopped",
            title="rows of payments_br are not materialized" if told else "connector payments_br stopped",
            confidence=0.93 if self.verdict == "cause" else 0.4,
            supporting=(finding,),
            refuting=(),
            not_checked=(),
            facts={"source": "payments_br"},
        )
        return Diagnosis.model_validate(
            {"verdict": self.verdict, "ranked": (top,), "ruled_out": (), "look_next": ("the connector's own log",)}
        )

    def propose(self, diagnosis: Diagnosis, incident_id: str) -> ActionProposal | None:
        return None if diagnosis.verdict == "no_fault" else self._proposal(incident_id, dict(ARGUMENTS))

    def compensate(self, proposal: ActionProposal) -> ActionProposal | None:
        undo = proposal.compensation
        return None if undo is None else self._proposal(proposal.incident_id, undo.arguments)

    def _proposal(self, incident_id: str, arguments: dict[str, Any]) -> ActionProposal:
        plan = self._action.plan(arguments)
        return ActionProposal(
            id=new_id("prp"),
            incident_id=incident_id,
            tool=self._action.name,
            arguments=arguments,
            tier=self._action.tier,
            plan=plan,
            digest=proposal_digest(self._action.name, arguments, plan.environment, plan.target_revision),
            blast_radius=BlastRadius(feature_views=3, feature_services=1, models=1, endpoints=("fraud-br",)),
            compensation=self._action.compensation(arguments, plan),
            post_conditions=self._action.post_conditions(arguments, plan),
            evidence_ids=("E1",),
            rationale="the connector's task has failed",
            requested_by="agent:incident",
            created_at=datetime(2026, 11, 19, 5, 55, tzinfo=UTC),
        )


class PlainNarrator(Narrator):
    def narrate(self, diagnosis: Diagnosis, evidence: Sequence[Evidence]) -> Narrative:
        title = diagnosis.top.title if diagnosis.top else "nothing found"
        ids = tuple(piece.id for piece in evidence[:1])
        return Narrative(sentences=(Sentence(text=title, evidence_ids=ids),), author="template")


def _run(tool: str, observation: Observation) -> ToolRun:
    signed = digest({"tool": tool, "observation": observation.model_dump(mode="json")})
    return ToolRun(tool=tool, arguments=dict(ARGUMENTS), observation=observation, digest=signed, wall_ms=4.0)
