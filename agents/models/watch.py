"""Drift and decay of what is in production, looked for now and then, become a proposal: never a training by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.models.proposing import ModelProposals
from foundation.clock import Clock
from foundation.errors import Conflict, VigiaError
from foundation.telemetry.logs import get_logger
from platform_core.operations.resources import ModelSpec, ResourceReader
from platform_core.training.gates.decay import Findings
from platform_core.urn import parse_urn

log = get_logger(__name__)
REQUESTED_BY = "agent:retraining"


@dataclass
class RetrainingWatch:
    """`step` looks at every model in production once in `every`, on the platform's clock; the first time when it has
    run that long, so that a restart asks nobody anything. What waits for a decision, or was asked for and is not done,
    is not asked for again."""

    clock: Clock
    resources: ResourceReader
    proposals: ModelProposals
    findings: Callable[[str], Findings]
    every: timedelta
    _due: datetime | None = field(default=None)

    def step(self) -> bool:
        """Whether it was time to look."""
        now = self.clock.now()
        if self._due is None:
            self._due = now + self.every
        if now < self._due:
            return False
        self._due = now + self.every
        for resource in self.resources.list(kind="model"):
            if isinstance(resource.spec, ModelSpec) and resource.spec.production is not None:
                self._look(parse_urn(resource.urn)[1])
        return True

    def _look(self, model: str) -> None:
        try:
            found = self.findings(model)
            if found.reasons:
                self.proposals.retrain(model, "; ".join(found.reasons), since=None, requested_by=REQUESTED_BY)
        except Conflict as settled:
            log.info("no training is proposed", model=model, reason=settled.message)
        except VigiaError as error:
            log.warning("a model could not be looked at", model=model, reason=error.message)
