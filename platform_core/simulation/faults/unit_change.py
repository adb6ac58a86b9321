"""ingest-br 4.7.0 sends `amount` in cents."""

from __future__ import annotations

from platform_core.simulation.faults.fault import Fault
from platform_core.simulation.world import World


def _inject(world: World) -> None:
    world.deploy("ingest-br", "4.7.0", author="human:rafael", reason="Release 4.7.0: integer money type")


FAULT = Fault("unit_change", "ingest-br sends cents instead of units", "unit_change", _inject)
