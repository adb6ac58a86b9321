"""fraud-legacy keeps the twelve replicas it was given for a peak although its traffic moved away two weeks ago.

A fault of weeks cannot happen in a minute of a demo: injecting it gives the company the fortnight in which traffic
moved, as the billing export and the change calendar would tell it.
"""

from __future__ import annotations

from datetime import timedelta

from foundation.ids import new_id
from platform_core.operations.timeline import ChangeEvent
from platform_core.simulation.faults.fault import Fault
from platform_core.simulation.usage import LEGACY_ENDPOINT, TRAFFIC_MOVED_DAYS_AGO, legacy_usage
from platform_core.simulation.world import World


def _inject(world: World) -> None:
    now = world.clock.now()
    world.operations.record_change(
        ChangeEvent(
            id=new_id("chg"),
            at=now - timedelta(days=TRAFFIC_MOVED_DAYS_AGO),
            kind="traffic",
            subject=LEGACY_ENDPOINT,
            tenant="br",
            summary="Checkout traffic moved from fraud-legacy to fraud-br",
            author="human:bruno",
            details={"from": "fraud-legacy", "to": "fraud-br"},
        )
    )
    world.operations.record_usage(legacy_usage(now.date(), abandoned=True))
    world.legacy_traffic = False


FAULT = Fault("idle_endpoint", "fraud-legacy is over-provisioned and idle", "endpoint_overprovisioned", _inject)
