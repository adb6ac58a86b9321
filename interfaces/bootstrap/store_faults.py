"""That an endpoint goes without the online store, on the timeline: the fault, and its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.engine import Engine

from foundation.clock import Clock
from foundation.ids import new_id
from platform_core.access.principals import Environment
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.timeline import ChangeEvent
from platform_core.urn import urn

SAME = timedelta(minutes=10)
"""All workers find out, one after the other; and one that was killed meanwhile never said that it was over."""


def tell_store_faults(engine: Engine, clock: Clock, environment: Environment) -> Callable[[str, str, bool], None]:
    """Writes one event for all workers. Raises Unavailable when it cannot be written."""
    operations = SqlOperations(engine)

    def tell(endpoint: str, tenant: str, opened: bool) -> None:
        now, subject = clock.now(), urn("endpoint", endpoint)
        circuit = "open" if opened else "closed"
        last = operations.timeline(now - SAME, now, kinds=["fault"], subject=subject, limit=1)
        if last and last[0].details.get("circuit") == circuit:
            return
        event = ChangeEvent(
            id=new_id("chg"),
            at=now,
            kind="fault",
            subject=subject,
            tenant=tenant,
            summary=f"{endpoint} {'goes without the online store' if opened else 'has the online store again'}",
            author="service:inference",
            details={"circuit": circuit, "environment": environment},
        )
        operations.record_change(event)

    return tell
