"""What was used, by the hour: of endpoints, models and feature views, and for whom.

Usage is counted where it happens and already counted there for Prometheus; a collector reads those counters once a
minute and adds what they grew by, so that a request pays nothing for it. What the processes add is summed in the
database: any number of them may.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, Protocol

from foundation.frozen import Frozen

UsageUnit = Literal["predictions", "feature_reads", "materialized_rows", "replica_hours"]

UNITS: Final[dict[UsageUnit, str]] = {
    "predictions": "scores given",
    "feature_reads": "online reads of a view",
    "materialized_rows": "source rows taken into the online store",
    "replica_hours": "hours of a replica, as billed",
}


class UsageHour(Frozen):
    """So much of `unit` within the hour that begins at `hour`. `subject` is a URN; `tenant` None for what is shared."""

    hour: datetime
    subject: str
    tenant: str | None
    unit: UsageUnit
    quantity: float


class UsageRecorder(Protocol):
    def add_usage(self, records: list[UsageHour]) -> None:
        """Add to what is there for the same hour, subject, tenant and unit. Raises Unavailable: then nothing was."""
        ...


class UsageReader(Protocol):
    def usage_hours(self, start: datetime, end: datetime) -> list[UsageHour]:
        """Hours with start <= hour < end, oldest first."""
        ...


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
