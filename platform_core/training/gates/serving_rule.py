"""What may answer requests in production: the registry's say in a change of an endpoint.

A candidate takes up to half of the traffic from stage staging on, and more (blue/green) when it is in production or a
review for production stands for it. The champion is the version in production, or one that the way back leads to; what
was taken out for a reason does not come back as champion. Shadows may be of any stage, since they answer nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from foundation.errors import Conflict
from platform_core.operations.admission import Admission
from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.operations.rollout_spec import MOST_OF_A_CANARY
from platform_core.operations.spec_patch import SpecPatch
from platform_core.training.gates.promotion import Promotions, Usable
from platform_core.training.moves import hold, in_production, place_of, replaced


@dataclass(frozen=True)
class EndpointAdmission(Admission):
    """Looks at what a change newly lets answer; what answers already may go on."""

    promotions: Promotions

    def prepare(self, resource: Resource, patch: SpecPatch) -> Usable | None:
        """A candidate that is to answer more than a trial, looked at in whole."""
        old, new = resource.spec, patch.spec
        if resource.environment != "production" or not isinstance(old, RolloutSpec) or not isinstance(new, RolloutSpec):
            return None
        many = new.canary is not None and new.live_percent > MOST_OF_A_CANARY and _newly(old, new)
        return self.promotions.look(new.model, new.canary) if many and new.canary else None

    def admit(
        self, connection: Connection, resource: Resource, patch: SpecPatch, prepared: object, *, actor: str
    ) -> None:
        """Raises Conflict for a version that has not come far enough, NotFound for one that nobody registered."""
        del actor
        old, new = resource.spec, patch.spec
        if resource.environment != "production" or not isinstance(old, RolloutSpec) or not isinstance(new, RolloutSpec):
            return
        hold(connection, new.model)  # a version that begins to answer is not taken down at the same moment
        if new.champion != old.champion or new.model != old.model:
            _require_champion(connection, old, new)
        if new.previous_champion not in (None, old.champion, old.previous_champion):
            _require_way_back(connection, new, new.previous_champion)
        answers = new.canary if new.live_percent > 0 else None
        before = old.canary if old.live_percent > 0 else None
        if answers is not None and (answers != before or new.model != old.model):
            _require_candidate(connection, new.model, answers)
        if answers is not None and _newly(old, new) and new.live_percent > MOST_OF_A_CANARY:
            if new.decline_threshold != old.decline_threshold:
                raise Conflict(
                    f"version {answers} was not judged at a decline threshold of {new.decline_threshold:g}",
                    hint="change the threshold first, then have the version judged at it",
                )
            self._require_reviewed(connection, new, answers, prepared)

    def _require_reviewed(self, connection: Connection, spec: RolloutSpec, version: str, prepared: object) -> None:
        if place_of(connection, spec.model, version).stage == "production":
            return
        if not isinstance(prepared, Usable) or prepared.version.version != version:
            raise Conflict(f"{spec.model} version {version} was not looked at before it is to answer", hint="try again")
        try:
            self.promotions.require_reviewed(connection, prepared, "production")
        except Conflict as error:
            raise Conflict(
                f"{spec.live_percent} % are more than a trial, which has {MOST_OF_A_CANARY} % at most: {error.message}",
                hint=f"vigia models gate {spec.model} {version} --to production",
            ) from error


def _newly(old: RolloutSpec, new: RolloutSpec) -> bool:
    """Whether the candidate answers, or more than a trial, where it did not before."""
    answers = new.canary if new.live_percent > 0 else None
    before = old.canary if old.live_percent > 0 else None
    return answers != before or new.model != old.model or old.live_percent <= MOST_OF_A_CANARY


def _require_champion(connection: Connection, old: RolloutSpec, spec: RolloutSpec) -> None:
    place_of(connection, spec.model, spec.champion)
    current = in_production(connection, spec.model)
    allowed = {old.previous_champion if old.model == spec.model else None}
    allowed |= set() if current is None else {current.version, replaced(connection, spec.model, current.version)}
    if spec.champion not in allowed:
        raise Conflict(
            f"{spec.model} version {spec.champion} is not in production and cannot be a champion",
            hint=f"vigia models promote {spec.model} {spec.champion} --to production",
        )


def _require_way_back(connection: Connection, spec: RolloutSpec, version: str) -> None:
    """A way back that is written in by hand would be a way to any version, one step later."""
    place_of(connection, spec.model, version)
    current = in_production(connection, spec.model)
    known = [spec.champion] if current is None else [spec.champion, current.version]
    if version not in {current.version if current else None, *(replaced(connection, spec.model, v) for v in known)}:
        raise Conflict(f"the way back from {spec.model} version {spec.champion} does not lead to version {version}")


def _require_candidate(connection: Connection, model: str, version: str) -> None:
    if place_of(connection, model, version).stage == "dev":
        raise Conflict(
            f"{model} version {version} is in dev and cannot answer requests in production",
            hint=f"vigia models gate {model} {version} --to staging",
        )
