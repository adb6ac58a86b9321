"""Which runs are worth a row: those that changed the job's state, and one a minute while it works."""

from __future__ import annotations

from datetime import datetime, timedelta

from platform_core.operations.timeline import JobRun, JobStatus, OperationsRecorder

_EVERY = timedelta(minutes=1)


class RunLog:
    """Records finished runs of jobs that run every second.

    A run is recorded when the job's status changed, or when it worked (or failed) and the last record of this (job,
    tenant) is a minute of platform time old; a recorded success carries the rows since the record before. A run in
    milliseconds is not announced as `running`; use `record` for long ones.
    """

    def __init__(self, operations: OperationsRecorder) -> None:
        self._operations = operations
        self._last: dict[tuple[str, str | None], tuple[JobStatus, datetime]] = {}
        self._rows: dict[tuple[str, str | None], int] = {}

    def record(self, run: JobRun) -> JobRun:
        self._operations.record_job(run)
        return run

    def finish(
        self, run: JobRun, at: datetime, status: JobStatus, *, rows: int = 0, error: str | None = None
    ) -> JobRun:
        key = run.job, run.tenant
        total = self._rows[key] = self._rows.get(key, 0) + rows
        finished = run.model_copy(update={"ended_at": at, "status": status, "rows": rows, "error": error})
        before, recorded_at = self._last.get(key, (None, None))
        worked = rows > 0 or status == "failed"
        due = recorded_at is None or at - recorded_at >= _EVERY
        first_idle = before is None and not worked
        if (status != before and not first_idle) or (worked and due):
            self._operations.record_job(finished.model_copy(update={"rows": total}))
            self._last[key] = status, at
            self._rows[key] = 0
        return finished
