"""That an endpoint goes without the online store, on the timeline: the fault, and its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from foundation.clock import Clock
from foundation.database import transaction
from foundation.ids import new_id
from platform_core.access.principals import Environment
from platform_core.operations.sql_timeline import faults_of, insert_change
from platform_core.operations.tables import resources
from platform_core.operations.timeline import ChangeEvent
from platform_core.urn import urn

SAME = timedelta(minutes=10)
"""All workers find out, at nearly the same moment; and one that was killed meanwhile never said that it was over."""


def tell_store_faults(engine: Engine, clock: Clock, environment: Environment) -> Callable[[str, str, bool], None]:
    """Writes one event for all workers. Raises Unavailable when it cannot be written."""

    def tell(endpoint: str, tenant: str, opened: bool) -> None:
        now, subject = clock.now(), urn("endpoint", endpoint)
        circuit = "open" if opened else "closed"
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
        with transaction(engine) as connection:
            # One after the other, by the endpoint's row: two that look before either has written would both tell.
            connection.execute(sa.select(resources.c.urn).where(resources.c.urn == subject).with_for_update()).all()
            told = (each.details.get("circuit") for each in faults_of(connection, subject, now - SAME))
            if next((each for each in told if each), None) != circuit:
                insert_change(connection, event)

    return tell
