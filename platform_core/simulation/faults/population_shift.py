"""A sale in Argentina: more people buy more expensive things. Nothing is broken, and marketing had announced it."""

from __future__ import annotations

from datetime import timedelta

from foundation.ids import new_id
from platform_core.operations.timeline import ChangeEvent
from platform_core.simulation.company import Campaign
from platform_core.simulation.faults.fault import Fault
from platform_core.simulation.world import World
from platform_core.urn import urn

ANNOUNCED_BEFORE = timedelta(minutes=40)


def _inject(world: World) -> None:
    now = world.clock.now()
    world.operations.record_change(
        ChangeEvent(
            id=new_id("chg"),
            at=now - ANNOUNCED_BEFORE,
            kind="campaign",
            subject=urn("source", "payments_ar"),
            tenant="ar",
            summary=f"Night Sale in Argentina from {now:%H:%M} UTC: appliances and toys join, larger baskets expected",
            author="human:valentina",
            details={"starts_at": now.isoformat(), "expected_traffic": "x1.6", "categories": ["appliances", "toys"]},
        )
    )
    world.company.processes["ar"].campaign = Campaign(since=now)


FAULT = Fault("population_shift", "A sale changes what people buy in Argentina", "population_shift", _inject)
