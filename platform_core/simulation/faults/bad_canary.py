"""A model trained by a pipeline with a bug goes to a fifth of the traffic of fraud-mx."""

from __future__ import annotations

from platform_core.simulation.control_plane import change
from platform_core.simulation.faults.fault import Fault
from platform_core.simulation.world import World
from platform_core.urn import urn

CANARY_PERCENT = 20


def _inject(world: World) -> None:
    version = world.train_flawed_model()
    change(
        world.resources,
        urn("endpoint", "fraud-mx"),
        {"canary": version, "canary_percent": CANARY_PERCENT},
        actor="human:lucia",
        reason=f"Canary of fraud_score version {version}",
    )


FAULT = Fault("bad_canary", "A bad model version is rolled out as canary", "bad_model_version", _inject)
