"""The healthy control: nothing goes wrong."""

from __future__ import annotations

from platform_core.simulation.faults.fault import Fault
from platform_core.simulation.world import World


def _inject(_world: World) -> None:
    return


FAULT = Fault("none", "Nothing is wrong", None, _inject)
