"""Putting one version before its gates, and keeping what they said."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, VigiaError
from platform_core.catalog.specs import Catalog
from platform_core.training.gates import reviews
from platform_core.training.gates.checks.performance import NAME as PERFORMANCE
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.port import Case, Evidence, Gate
from platform_core.training.gates.registry import all_gates
from platform_core.training.gates.thresholds import by_endpoint
from platform_core.training.gates.verdicts import GateVerdict, PromotionReview
from platform_core.training.moves import hold, in_production
from platform_core.training.registry import ModelRegistry
from platform_core.training.scoring import LoadedModel
from platform_core.training.stages import require_climb
from platform_core.training.types import Stage

_log = logging.getLogger(__name__)

MakeEvidence = Callable[[GatePolicy, LoadedModel, LoadedModel | None, str], Evidence]
"""(policy, candidate, champion, the candidate's card)"""

OnVerdict = Callable[[GateVerdict], None]


@dataclass(frozen=True)
class Gatekeeper:
    engine: Engine
    clock: Clock
    audit: AuditLog
    registry: ModelRegistry
    policy: GatePolicy
    evidence: MakeEvidence
    catalog: Callable[[], Catalog]
    """In force now, which the candidate has to fit."""

    def judge(
        self, name: str, version: str, to: Stage, *, actor: str, told: OnVerdict = lambda verdict: None
    ) -> PromotionReview:
        """Run the gates that `to` asks for and store what they say; `told` hears of each as it comes.

        Raises NotFound; Conflict when `to` is not the next stage up for the version, when its files are not those that
        were registered, when it does not fit the catalog, or when the champion changed meanwhile.
        """
        candidate = self.registry.load(name, version, catalog=self.catalog())
        require_climb(f"{name} version {version}", candidate.version.stage, to)
        against, champion, unreadable = self._champion(name)
        case = Case(
            candidate=candidate,
            champion=champion,
            policy=self.policy,
            evidence=self.evidence(self.policy, candidate, champion, self.registry.card(name, version)),
        )
        thresholds = by_endpoint(case.evidence.thresholds())
        verdicts: list[GateVerdict] = []
        for gate in sorted(self.policy.gates[to]):
            without = unreadable if gate == PERFORMANCE else None
            verdicts.append(without or judged(all_gates()[gate], case))
            told(verdicts[-1])
        said = PromotionReview(
            id="",
            name=name,
            version=version,
            to_stage=to,
            verdicts=tuple(verdicts),
            artifact_digest=reviews.artifact_digest(candidate.version),
            policy_digest=self.policy.digest,
            champion=against,
            thresholds=thresholds,
            judged_by=actor,
            judged_at=self.clock.now(),
        )
        review = reviews.named(said)
        with transaction(self.engine) as connection:
            hold(connection, name)
            now_in_production = in_production(connection, name)
            if (None if now_in_production is None else now_in_production.version) != review.champion:
                raise Conflict(f"the champion of {name} changed while it was judged", hint=reviews.AGAIN)
            reviews.store(connection, self.audit, review)
        return review

    def _champion(self, name: str) -> tuple[str | None, LoadedModel | None, GateVerdict | None]:
        """Its version, the model, and what is said instead of comparing with it when it cannot be read."""
        with reading(self.engine) as connection:
            place = in_production(connection, name)
        if place is None:
            return None, None, None
        try:
            return place.version, self.registry.load(name, place.version), None
        except VigiaError as error:
            said = f"version {place.version} in production cannot be read: {error.message}; put its files right, or "
            said += f"take it out: vigia models demote {name} {place.version}"
            return place.version, None, GateVerdict(gate=PERFORMANCE, outcome="could_not_be_judged", said=said)


def judged(gate: Gate, case: Case) -> GateVerdict:
    """What `gate` says; that it could not look is a verdict of its own."""
    try:
        return gate.judge(case)
    except VigiaError as error:
        return GateVerdict(gate=gate.name, outcome="could_not_be_judged", said=f"it could not look: {error.message}")
    except Exception as error:  # noqa: BLE001 - what the other gates found, in minutes, would be lost with it
        _log.exception("gate %s failed", gate.name)
        said = f"the gate itself failed: {type(error).__name__}: {error}"
        return GateVerdict(gate=gate.name, outcome="could_not_be_judged", said=said)
