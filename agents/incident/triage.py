"""The real Triage: probes by lineage, causes weighed by signs, proposals by plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.diagnosis.engine import diagnose
from agents.diagnosis.probes import probes_for
from agents.diagnosis.proposals import bind, propose
from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from agents.incident.ports import Triage
from agents.incident.types import CauseRecord
from foundation.errors import InvalidInput, NotFound
from foundation.telemetry.logs import get_logger
from guardrails.executor.port import Planner
from guardrails.proposal import ActionProposal
from platform_core.monitoring.alert import Alert
from platform_core.view import PlatformView
from tools.contract import Observation
from tools.runner import ToolRun, ToolRunner

log = get_logger(__name__)

REQUESTED_BY = "agent:incident"


class CatalogueTriage(Triage):
    """`planners` can plan and nothing else; `verdicts` gives what engineers said of earlier diagnoses, per cause."""

    def __init__(
        self,
        platform: PlatformView,
        runner: ToolRunner,
        planners: Mapping[str, Planner],
        *,
        verdicts: Callable[[], Mapping[str, CauseRecord]] = dict,
    ) -> None:
        self._platform = platform
        self._runner = runner
        self._planners = planners
        self._verdicts = verdicts

    def gather(self, alerts: Sequence[Alert]) -> list[ToolRun]:
        return self._runner.run_all(probes_for(self._known(alerts), self._platform))

    def probe(self, tool: str, arguments: dict[str, Any]) -> Observation:
        # Whether what was done has worked must be known, whatever was spent on finding it out.
        return self._runner.run(tool, arguments, essential=True).observation

    def diagnose(self, alerts: Sequence[Alert], evidence: Sequence[Evidence]) -> Diagnosis:
        # A cause that was the real one behind another's wrong diagnosis deserves as much belief as one named rightly.
        priors = {
            cause: record.model_copy(update={"right": record.right + record.missed})
            for cause, record in self._verdicts().items()
        }
        return diagnose(self._known(alerts), evidence, priors=priors)

    def _known(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Those about something of this platform; there is nothing to probe for the others."""
        return [alert for alert in alerts if self._can_probe(alert)]

    def _can_probe(self, alert: Alert) -> bool:
        try:
            probes_for([alert], self._platform)
        except (InvalidInput, NotFound) as error:
            log.warning("alert cannot be probed", subject=alert.subject, reason=error.message)
            return False
        return True

    def propose(self, diagnosis: Diagnosis, incident_id: str) -> ActionProposal | None:
        return propose(
            diagnosis,
            self._planners,
            self._platform.lineage,
            incident_id=incident_id,
            requested_by=REQUESTED_BY,
            clock=self._platform.clock,
        )

    def compensate(self, proposal: ActionProposal) -> ActionProposal | None:
        """Raises Conflict when the undo would change nothing."""
        undo = proposal.compensation
        if undo is None:
            return None
        planner = self._planners.get(undo.tool)
        if planner is None:
            raise NotFound(f"no action {undo.tool!r} to undo {proposal.tool}", hint="undo it by hand")
        return bind(
            planner,
            undo.arguments,
            planner.plan(undo.arguments),
            self._platform.lineage,
            incident_id=proposal.incident_id,
            evidence_ids=proposal.evidence_ids,
            rationale=f"{proposal.tool} was carried out but did not mend it: {undo.summary}",
            requested_by=REQUESTED_BY,
            clock=self._platform.clock,
        )
