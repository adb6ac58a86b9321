"""That a secret was rotated, on the timeline: whoever looks for what changed before an outage finds it there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.engine import Engine

from foundation.clock import Clock
from foundation.errors import VigiaError
from foundation.ids import new_id
from foundation.secrets.reference import SecretRef
from foundation.telemetry.logs import get_logger
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.timeline import ChangeEvent

log = get_logger(__name__)
SAME = timedelta(minutes=10)
"""Processes notice the same rotation one after the other."""


def tell_rotations(engine: Engine, clock: Clock) -> Callable[[SecretRef], None]:
    """Writes one event, and never fails: the secret is needed, the note about it is not."""
    operations = SqlOperations(engine)

    def tell(reference: SecretRef) -> None:
        now, subject = clock.now(), str(reference)[:160]
        log.info("a secret was rotated", reference=subject)
        try:
            if operations.timeline(now - SAME, now, kinds=["secret"], subject=subject, limit=1):
                return
            event = ChangeEvent(
                id=new_id("chg"),
                at=now,
                kind="secret",
                subject=subject,
                summary="the secret is another than before",
                author="service:secrets",
            )
            operations.record_change(event)
        except VigiaError as error:
            log.warning("a rotation could not be put on the timeline", reference=subject, error=error.message)

    return tell
