"""Which runs are worth a row: those that changed the job's state, and one a minute while it works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from platform_core.operations.timeline import JobRun, JobStatus, OperationsRecorder

_EVERY = timedelta(minutes=1)


class RunLog:
    """Records finished runs of jobs that run every second.

    A run is recorded when the job's status changed, or when it worked (or failed) and the last record of this (job,
    tenant) is a minute of platform time old; a recorded run carries the rows and counts since the record before. A run
    in milliseconds is not announced as `running`; see `recorded_run` for long ones.
    """

    def __init__(self, operations: OperationsRecorder) -> None:
        self._operations = operations
        self._last: dict[tuple[str, str | None], tuple[JobStatus, datetime]] = {}
        self._rows: dict[tuple[str, str | None], int] = {}
        self._counts: dict[tuple[str, str | None], Counter[str]] = {}

    def finish(
        self,
        run: JobRun,
        at: datetime,
        status: JobStatus,
        *,
        rows: int = 0,
        error: str | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> JobRun:
        key = run.job, run.tenant
        total = self._rows[key] = self._rows.get(key, 0) + rows
        counted = self._counts.setdefault(key, Counter())
        counted.update(counts or {})
        ended = {"ended_at": at, "status": status, "rows": rows, "error": error, "counts": present(counts or {})}
        finished = run.model_copy(update=ended)
        before, recorded_at = self._last.get(key, (None, None))
        worked = rows > 0 or status == "failed"
        due = recorded_at is None or at - recorded_at >= _EVERY
        first_idle = before is None and not worked
        if (status != before and not first_idle) or (worked and due):
            self._operations.record_job(finished.model_copy(update={"rows": total, "counts": present(counted)}))
            self._last[key] = status, at
            self._rows[key] = 0
            counted.clear()
        return finished


def present(counts: Mapping[str, int]) -> dict[str, int]:
    """Those that counted something."""
    return {name: count for name, count in counts.items() if count}
