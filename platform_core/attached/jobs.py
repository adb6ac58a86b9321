"""Jobs of another platform: what ran, run it now, cancel it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from platform_core.operations.timeline import JobRun


class Jobs(Protocol):
    """`job` is a job's name, as `list_jobs` has it."""

    def list_jobs(self) -> list[str]:
        """Raises Forbidden, Unavailable."""
        ...

    def runs(self, since: datetime, *, job: str | None = None, limit: int = 200) -> list[JobRun]:
        """Runs that started at or after `since`, newest first. Raises NotFound for a job that is not there."""
        ...

    def run_now(self, job: str, *, key: str) -> str:
        """Start it; the run's id. Under a `key` used before: the run of then. Raises NotFound, Conflict."""
        ...

    def cancel(self, run: str) -> None:
        """Ask a run to end; one that has ended stays as it is. Raises NotFound."""
        ...
