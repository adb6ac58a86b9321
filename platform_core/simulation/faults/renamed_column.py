"""ingest-mx 3.2.0 publishes `device_fingerprint` where it published `device_id`, and nobody was told."""

from __future__ import annotations

from platform_core.simulation.faults.fault import Fault
from platform_core.simulation.world import World


def _inject(world: World) -> None:
    world.deploy("ingest-mx", "3.2.0", author="human:diego", reason="Release 3.2.0: device SDK update")


FAULT = Fault("renamed_column", "ingest-mx renamed a column", "renamed_column", _inject)
