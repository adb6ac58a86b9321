"""Jobs of another platform, and our own by the same port: what ran, run it now, cancel it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from foundation.clock import Clock
from foundation.errors import Conflict, NotFound, VigiaError
from foundation.ids import new_id
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.timeline import JobRun, JobStatus
from platform_core.urn import urn


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


Work = Callable[[threading.Event], int]
"""What a job does, until the event is set: the rows that it wrote. Raises VigiaError when it fails."""


class LocalJobs(Jobs):
    """Jobs of this process, each run in a thread and on record in `operations`."""

    def __init__(self, operations: SqlOperations, clock: Clock, work: Mapping[str, Work]) -> None:
        self._operations = operations
        self._clock = clock
        self._work = work
        self._stops: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._keys: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def list_jobs(self) -> list[str]:
        return sorted(self._work)

    def runs(self, since: datetime, *, job: str | None = None, limit: int = 200) -> list[JobRun]:
        if job is not None:
            self._known(job)
        mine = {urn("job", name) for name in self._work if job in (None, name)}
        found = self._operations.runs(since, self._clock.now(), limit=limit)
        return [run for run in found if run.job in mine]

    def run_now(self, job: str, *, key: str) -> str:
        work = self._known(job)
        with self._lock:
            earlier = self._keys.get(key)
            if earlier is not None:
                if earlier[0] != job:
                    raise Conflict(f"the key {key!r} was used for {earlier[0]!r}", hint="a fresh key per run")
                return earlier[1]
            name = urn("job", job)
            run = JobRun(id=new_id("run"), job=name, subject=name, started_at=self._clock.now(), status="running")
            self._operations.record_job(run)
            self._keys[key] = job, run.id
            stop = self._stops[run.id] = threading.Event()
            thread = threading.Thread(target=self._run, args=(run, work, stop), name=f"job {job}", daemon=True)
            self._threads[run.id] = thread
            thread.start()
        return run.id

    def cancel(self, run: str) -> None:
        stop = self._stops.get(run)
        if stop is None:
            raise NotFound(f"there is no run {run!r} here", hint="runs of other processes end with those")
        stop.set()

    def wait(self, run: str, timeout: float | None = None) -> None:
        """Until the run has ended."""
        self._threads[run].join(timeout)

    def _known(self, job: str) -> Work:
        try:
            return self._work[job]
        except KeyError as error:
            raise NotFound(f"there is no job {job!r}", hint=f"known: {', '.join(self.list_jobs())}") from error

    def _run(self, run: JobRun, work: Work, stop: threading.Event) -> None:
        status: JobStatus = "failed"
        rows, problem = 0, "ended unexpectedly; see the log"
        try:
            rows = work(stop)
            status, problem = ("cancelled" if stop.is_set() else "succeeded"), None
        except VigiaError as error:
            problem = str(error)
        finally:
            ended = {"ended_at": self._clock.now(), "status": status, "rows": rows, "error": problem}
            self._operations.record_job(run.model_copy(update=ended))
