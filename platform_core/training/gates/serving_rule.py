"""What may answer requests in production: the registry's say in a change of an endpoint.

A candidate takes traffic from stage staging on, and the champion is a version that is or was in production: a rollout
is no way around the gates. Shadows may be of any stage, since they answer nobody.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from foundation.errors import Conflict
from platform_core.operations.admission import Admission
from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.operations.spec_patch import SpecPatch
from platform_core.training.moves import place_of, was_in_production


class EndpointAdmission(Admission):
    """Looks at what a change newly lets answer; what answers already may go on."""

    def admit(self, connection: Connection, resource: Resource, patch: SpecPatch, *, actor: str) -> None:
        """Raises Conflict for a version that has not come far enough, NotFound for one that nobody registered."""
        del actor
        old, new = resource.spec, patch.spec
        if resource.environment != "production" or not isinstance(old, RolloutSpec) or not isinstance(new, RolloutSpec):
            return
        if new.champion != old.champion or new.model != old.model:
            _require_champion(connection, new)
        answers = new.canary if new.live_percent > 0 else None
        before = old.canary if old.live_percent > 0 else None
        if answers is not None and (answers != before or new.model != old.model):
            _require_candidate(connection, new.model, answers)


def _require_champion(connection: Connection, spec: RolloutSpec) -> None:
    place_of(connection, spec.model, spec.champion)
    if not was_in_production(connection, spec.model, spec.champion):
        raise Conflict(
            f"{spec.model} version {spec.champion} was never in production and cannot be a champion",
            hint=f"vigia models promote {spec.model} {spec.champion} --to production",
        )


def _require_candidate(connection: Connection, model: str, version: str) -> None:
    if place_of(connection, model, version).stage == "dev":
        raise Conflict(
            f"{model} version {version} is in dev and cannot answer requests in production",
            hint=f"vigia models gate {model} {version} --to staging",
        )
