"""The thinking part of the incident flow, put together: probes, diagnosis, proposals. It holds planners only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.diagnosis.engine import diagnose
from agents.diagnosis.probes import probes_for
from agents.diagnosis.proposals import bind, propose
from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from agents.incident.feedback import FeedbackDesk
from agents.incident.ports import Triage
from guardrails.executor.port import Planner
from guardrails.proposal import ActionProposal
from platform_core.monitoring.alert import Alert
from platform_core.view import PlatformView
from tools.contract import Observation
from tools.runner import ToolRun, ToolRunner

REQUESTED_BY = "agent:incident"


@dataclass(frozen=True)
class PlatformTriage(Triage):
    platform: PlatformView
    runner: ToolRunner
    planners: Mapping[str, Planner]
    feedback: FeedbackDesk

    def gather(self, alerts: Sequence[Alert]) -> list[ToolRun]:
        return self.runner.run_all(probes_for(alerts, self.platform))

    def probe(self, tool: str, arguments: dict[str, Any]) -> Observation:
        return self.runner.run(tool, arguments).observation

    def diagnose(self, alerts: Sequence[Alert], evidence: Sequence[Evidence]) -> Diagnosis:
        return diagnose(alerts, evidence, priors=self.feedback.per_cause())

    def propose(self, diagnosis: Diagnosis, incident_id: str) -> ActionProposal | None:
        return propose(
            diagnosis,
            self.planners,
            self.platform.lineage,
            incident_id=incident_id,
            requested_by=REQUESTED_BY,
            clock=self.platform.clock,
        )

    def compensate(self, proposal: ActionProposal) -> ActionProposal | None:
        """The undo, planned against the target as it is now. Raises Conflict when there is nothing left to undo."""
        undo = proposal.compensation
        if undo is None or undo.tool not in self.planners:
            return None
        planner = self.planners[undo.tool]
        return bind(
            planner,
            undo.arguments,
            planner.plan(undo.arguments),
            self.platform.lineage,
            incident_id=proposal.incident_id,
            evidence_ids=proposal.evidence_ids,
            rationale=f"{proposal.tool} did not have the effect it was approved for: {undo.summary}",
            requested_by=REQUESTED_BY,
            clock=self.platform.clock,
        )
