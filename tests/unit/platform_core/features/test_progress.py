"""Progress survives in the database as it was saved."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from platform_core.features.progress import Progress, SqlProgress


def test_progress_is_per_view_and_tenant_and_survives(engine: Engine, clock: FixedClock) -> None:
    store = SqlProgress(engine, clock)
    assert store.load("card_velocity", "br") is None
    store.save("card_velocity", "br", Progress(3))
    steered = Progress(4, clock.now() - timedelta(minutes=1), {"device_id": "device_fingerprint"})
    store.save("card_velocity", "br", steered)
    store.save("card_velocity", "mx", Progress(9))
    assert SqlProgress(engine, clock).load("card_velocity", "br") == steered
    assert store.load("card_velocity", "mx") == Progress(9)
