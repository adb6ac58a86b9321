"""What happened on the platform: change events, job runs, usage and cost; and the ports to read and record them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, Literal, Protocol

from pydantic import Field

from foundation.frozen import Frozen

ChangeKind = Literal[
    "deploy", "config", "schema", "rollout", "campaign", "traffic", "catalog", "backfill", "scale", "quarantine", "job",
    "training", "promotion", "secret", "access", "fault",
]  # fmt: skip
"""`fault`: nobody changed it: it broke, or came back."""

OUTSIDE_KINDS: Final[frozenset[ChangeKind]] = frozenset(
    {"deploy", "config", "schema", "campaign", "traffic", "scale", "training"}
)
"""Of what happens elsewhere, and somebody tells us."""


class ChangeEvent(Frozen):
    """Something somebody changed. `subject` is a URN; `tenant` None when it touches all of them."""

    id: str
    at: datetime
    kind: ChangeKind
    subject: str
    tenant: str | None = None
    summary: str
    author: str
    details: dict[str, Any] = Field(default_factory=dict)


JobStatus = Literal["running", "succeeded", "failed", "cancelled"]


class JobRun(Frozen):
    """One run of a job. `job` and `subject` are URNs; `error` is the engine's own message, verbatim (tainted text)."""

    id: str
    job: str
    subject: str
    tenant: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    status: JobStatus
    rows: int = 0
    error: str | None = None
    counts: dict[str, int] = Field(default_factory=dict[str, int])
    """What else was counted, by name: of materialization `late`, `duplicates`, `held_back` source rows."""


class UsageRecord(Frozen):
    """A day of an endpoint's use and cost. Cost names follow the FOCUS 1.x columns `BilledCost`, `ResourceId`."""

    day: date
    resource_id: str
    tenant: str | None
    requests: int
    replicas: float
    cpu_utilization: float
    """Share of the provisioned CPU that was used, 0..1, mean over the day."""

    p99_latency_ms: float
    billed_cost: float
    """USD."""


class OperationsReader(Protocol):
    def changes(
        self,
        start: datetime,
        end: datetime,
        *,
        subjects: list[str] | None = None,
        kinds: list[ChangeKind] | None = None,
    ) -> list[ChangeEvent]:
        """Change events with start <= at <= end, oldest first."""
        ...

    def job_runs(
        self, start: datetime, end: datetime, *, job: str | None = None, subject: str | None = None, limit: int = 500
    ) -> list[JobRun]:
        """Runs started in [start, end], newest first."""
        ...

    def usage(self, resource_id: str, start: date, end: date) -> list[UsageRecord]:
        """Days in [start, end], oldest first."""
        ...


class OperationsRecorder(Protocol):
    def record_change(self, event: ChangeEvent) -> None: ...

    def record_job(self, run: JobRun) -> None:
        """Insert the run, or update it by id."""
        ...

    def record_usage(self, records: list[UsageRecord]) -> None: ...
