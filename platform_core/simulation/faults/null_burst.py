"""ingest-co 2.9.0 loses `amount` for about a third of the payments."""

from __future__ import annotations

from platform_core.simulation.faults.fault import Fault
from platform_core.simulation.world import World


def _inject(world: World) -> None:
    world.deploy("ingest-co", "2.9.0", author="human:camila", reason="Release 2.9.0: new acquirer message parser")


FAULT = Fault("null_burst", "ingest-co loses amounts", "null_burst", _inject)
