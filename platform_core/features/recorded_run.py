"""A run that somebody asked for: on record while it works, a change on the timeline when it ended."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from foundation.clock import Clock
from foundation.errors import Unavailable, VigiaError
from foundation.ids import new_id
from foundation.telemetry import semconv
from foundation.telemetry.traces import set_attributes, span
from platform_core.features.run_log import present
from platform_core.operations.timeline import ChangeEvent, ChangeKind, JobRun, JobStatus, OperationsRecorder

_log = logging.getLogger(__name__)

FAILURES = (VigiaError, duckdb.Error, pa.ArrowException)
"""What data or a store can do to a run: the run says so, and the process goes on."""

AUTHOR = "service:materialization"


@dataclass
class Tally:
    """What the run did so far; `run` is as recorded last. Each count is put on record: a process that is killed leaves
    what it had done, not zeros."""

    run: JobRun
    record: Callable[[JobRun], None]
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter[str])
    details: dict[str, object] = field(default_factory=dict[str, object])

    def reached(self, rows: int, events: int) -> None:
        """So much in all, of a run that counts by itself."""
        self.rows, self.counts["taken"] = rows, events
        self._note()

    def add(self, rows: int, counts: Mapping[str, int]) -> None:
        self.rows += rows
        self.counts.update(counts)
        self._note()

    def _note(self) -> None:
        now = self.run.model_copy(update={"rows": self.rows, "counts": present(self.counts)})
        if now == self.run:
            return
        try:
            self.record(now)
        except Unavailable as error:  # the work goes on: what becomes of it is recorded at its end
            _log.warning("%s: %s", self.run.id, error)
        else:
            self.run = now


@contextmanager
def recorded(
    operations: OperationsRecorder, clock: Clock, run: JobRun, kind: ChangeKind, author: str
) -> Generator[Tally]:
    """Record `run` now and as it ended. A failure of data or of a store ends the block, not the caller. Somebody's
    Ctrl-C is a KeyboardInterrupt also where it met a query: DuckDB makes a RuntimeError of it.

    The change event's details hold what estimates are made from: `events`, `rows`, and `wall_s`, seconds of the wall.
    """
    tally = Tally(run, operations.record_job)
    operations.record_job(run)
    began = time.perf_counter()
    status: JobStatus = "succeeded"
    error: str | None = None
    about = {semconv.SUBJECT: run.subject, semconv.TENANT: run.tenant, semconv.CHANGE_KIND: kind}
    try:
        with span(semconv.span_name(semconv.RUN_JOB, run.job), **about) as current:
            yield tally
            set_attributes(current, **{semconv.ROWS: tally.rows})
    except (RuntimeError, duckdb.InterruptException) as failure:
        stopped = "interrupted" in str(failure).lower()
        status, error = "cancelled", f"interrupted: {(KeyboardInterrupt if stopped else type(failure)).__name__}"
        if stopped:
            raise KeyboardInterrupt from failure
        raise
    except FAILURES as failure:
        status, error = "failed", str(failure)
    except BaseException as interrupted:
        status, error = "cancelled", f"interrupted: {type(interrupted).__name__}"
        raise
    finally:
        seconds = time.perf_counter() - began
        ended = {"ended_at": clock.now(), "status": status, "rows": tally.rows, "error": error}
        tally.run = run.model_copy(update={**ended, "counts": present(tally.counts)})
        operations.record_job(tally.run)
        operations.record_change(_event(tally, kind, author, seconds))


def _event(tally: Tally, kind: ChangeKind, author: str, seconds: float) -> ChangeEvent:
    run = tally.run
    what = "backfill" if kind == "backfill" else "materialization"
    return ChangeEvent(
        id=new_id("chg"),
        at=run.ended_at or run.started_at,
        kind=kind,
        subject=run.subject,
        tenant=run.tenant,
        summary=f"{what} for {run.tenant} {run.status}: {tally.counts['taken']} events, {tally.rows} rows written",
        author=author,
        details={
            **tally.details,
            "run": run.id,
            "status": run.status,
            "events": tally.counts["taken"],
            "rows": tally.rows,
            "wall_s": round(seconds, 3),
        },
    )
