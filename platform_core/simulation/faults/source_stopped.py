"""The connector's task of payments_br crashes. Its spec still says running, and nobody restarts it."""

from __future__ import annotations

from platform_core.simulation.faults.fault import Fault
from platform_core.simulation.world import World

ERROR = (
    "Task payments_br-0 is being killed and will not recover until manually restarted: "
    "org.apache.kafka.common.errors.CoordinatorNotAvailableException: The coordinator is not available."
)


def _inject(world: World) -> None:
    world.connectors["br"].crash(ERROR)


FAULT = Fault("source_stopped", "The connector of payments_br has crashed", "source_stopped", _inject)
