"""Keeps feature values current: from a source's new rows to the online store and the offline feature history.

One `run` of a (view, tenant) takes the rows that arrived since its watermark, recomputes every feature row they touch
(for a late row: also the later rows of the same key), writes the newest row of each key online and all of them to
`features_<view>`. Repeating a run is harmless: online the newest (event_ts, created_ts) wins, offline the newest
created_ts among equal event times counts. After a crash the rows since the last checkpoint are materialized again.
The steps of the stream are in `stream`, long stretches (first loads, backfills) in `ranged`, who may run in `leases`.

A source's spec steers it. `field_mapping`: see `source_rows`; when it changes, rows that it fills are materialized.
`quarantine_since`: events at or after it are left out. On first sight, every key touched since then is set back to its
row as of its newest earlier event; a key without one gets what an empty window yields (counts 0, the rest null) as of
just before. On release the left-out events are materialized.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from foundation.clock import Clock
from foundation.errors import Conflict, InvalidInput
from foundation.ids import new_id
from platform_core.catalog.specs import Catalog
from platform_core.features.checkpoints import Checkpoints
from platform_core.features.leases import LeaseHeld, Leases, NoLeases, kept
from platform_core.features.offline.port import ArrivalFeed
from platform_core.features.online.port import OnlineStore
from platform_core.features.progress import Progress, ProgressStore
from platform_core.features.ranged import CHUNK_ROWS, Advance, Ranged, RangedWork, definition
from platform_core.features.ranges import InMemoryRanges, RangeStore
from platform_core.features.recorded_run import AUTHOR, FAILURES, recorded
from platform_core.features.run_log import RunLog
from platform_core.features.stream import Stream
from platform_core.features.target import Target, Targets, job_urn
from platform_core.operations.resources import ResourceReader
from platform_core.operations.timeline import JobRun, OperationsRecorder
from platform_core.urn import urn

OnChunk = Callable[[Advance], None]
Unfinished = Callable[[str, str], list[JobRun]]
"""(job, tenant): the runs that are on record as running."""


def unheard(_advance: Advance) -> None:
    """For whoever shows no progress."""


class Materializer:
    """One per process; safe to share between threads, which then take turns.

    `checkpoint_s`: seconds of the wall between checkpoints of a view. `chunk_rows`: source rows that one step takes at
    most, beyond which there are more steps. Call `flush` before the process ends.
    """

    def __init__(  # noqa: PLR0917  # the order of the ports is the order of the flow
        self,
        catalog: Catalog,
        offline: ArrivalFeed,
        online: OnlineStore,
        resources: ResourceReader,
        operations: OperationsRecorder,
        clock: Clock,
        progress: ProgressStore,
        *,
        ranges: RangeStore | None = None,
        leases: Leases | None = None,
        unfinished: Unfinished | None = None,
        checkpoint_s: float = 2.0,
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """Rows by (view, tenant, what). Of the source: `taken`, of those `late`, `duplicates`, `too_late` and (so many
        at least) `unkeyed`, which are in no feature; and `held_back`. Of the view: `refused` by the online store."""

        self._targets = Targets(catalog, resources)
        self._online = online
        self._clock = clock
        self._checkpoints = Checkpoints(offline, progress, checkpoint_s)
        self._log = RunLog(operations)
        self._operations = operations
        self._leases = leases or NoLeases()
        self._unfinished = unfinished
        self._ranged = RangedWork(offline, online, clock, ranges or InMemoryRanges(), chunk_rows=chunk_rows)
        self._stream = Stream(self._targets, offline, online, clock, self._checkpoints, chunk_rows)
        self._lock = threading.Lock()
        self._held: set[tuple[str, str]] = set()

    def run(self, view: str, tenant: str) -> JobRun:
        """Materialize what arrived, a chunk at most. Does not raise for what the data or a store did: the run says
        failed, and why. While another process holds the view for this tenant it says cancelled, and who.

        Raises InvalidInput for an unknown view or a tenant without a source, Unavailable when runs cannot be recorded.
        """
        target = self._targets.find(view, tenant)
        with self._lock:
            run = self._start(view, tenant)
            if self._targets.cancelled(view):
                return self._log.finish(run, self._clock.now(), "cancelled")
            try:
                self._hold(view, tenant)
                step = self._stream.advance(target)
                counts = self._counted(target, step.counts)
                self._checkpoints.write_if_due(view)
            except LeaseHeld as held:
                # Not recorded: the holder's own runs are, every second of ours would bury them.
                return run.model_copy(update={"ended_at": self._clock.now(), "status": "cancelled", "error": str(held)})
            except FAILURES as error:
                return self._log.finish(run, self._clock.now(), "failed", error=str(error))
            return self._log.finish(run, self._clock.now(), "succeeded", rows=step.rows, counts=counts)

    def catch_up(self, view: str, tenant: str, *, author: str = AUTHOR, on_chunk: OnChunk = unheard) -> JobRun:
        """Materialize all that arrived, the first time and after a change of the view all history, chunk by chunk;
        recorded as a run and a change.

        Killed on the way, the next one goes on from the last chunk. Raises LeaseHeld, and as `run` does.
        """
        target = self._targets.find(view, tenant)
        with (
            self._lock,
            kept(self._leases, view, tenant, "stream") as still_ours,
            recorded(self._operations, self._clock, self._succeeding(view, tenant, "run"), "job", author) as tally,
        ):
            self._checkpoints.forget(view, tenant)
            if self._to_load(target):

                def after_chunk(advance: Advance) -> None:
                    still_ours()
                    tally.reached(advance.rows, advance.done)
                    on_chunk(advance)

                loaded = self._load(target, after_chunk)
                counts = self._counted(target, {"taken": loaded.events, **_left_out(loaded)})
                tally.add(0, counts | {"taken": 0})  # which each chunk has told already
            while True:
                still_ours()  # progress that was refused is forgotten: nothing may follow from it
                step = self._stream.advance(target)
                self._checkpoints.write(view)
                still_ours()
                tally.add(step.rows, self._counted(target, step.counts))
                if step.left == 0:
                    break
                on_chunk(
                    Advance(tally.counts["taken"], tally.counts["taken"] + step.left, tally.rows, self._clock.now())
                )
        return tally.run

    def backfill(  # which view, from when to when, for whom
        self,
        view: str,
        start: datetime,
        end: datetime,
        tenant: str,
        *,
        author: str = AUTHOR,
        on_chunk: OnChunk = unheard,
    ) -> JobRun:
        """Recompute the feature rows of the events in [start, end), chunk by chunk; recorded as a run and a change.

        Writes offline only what differs from the row already there, and never over a newer online row, so that it can
        be repeated, goes on where it was killed, and runs beside the stream (see `ranged`). Quarantined events stay
        out; the run fails when the source's settings change meanwhile. Raises LeaseHeld, InvalidInput.
        """
        if start >= end:
            said = f"a backfill from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} holds nothing"
            raise InvalidInput(said, hint="its end must come after its beginning")
        target = self._targets.find(view, tenant)

        with (
            kept(self._leases, view, tenant, "backfill") as still_ours,
            recorded(
                self._operations, self._clock, self._succeeding(view, tenant, "backfill"), "backfill", author
            ) as tally,
        ):
            tally.details = {"from": start.isoformat(), "to": end.isoformat()}

            def after_chunk(advance: Advance) -> None:
                still_ours()
                tally.reached(advance.rows, advance.done)
                on_chunk(advance)
                self._still(target)

            with self._lock:
                self._checkpoints.write(view)
            done = self._ranged.backfill(target, start, end, after_chunk)
            tally.add(0, _left_out(done) | {"refused": self._online.take_refused(tenant, view)})
            if done.resumed_at is not None:
                tally.details["resumed_at"] = done.resumed_at.isoformat()
        return tally.run

    def load_history(self, view: str, tenant: str, on_chunk: OnChunk = unheard) -> int:
        """First materialization: a feature row for each event so far, offline, and the newest of each key online.

        Later runs go on from there. Returns the rows written offline. Raises LeaseHeld, and what a store raises.
        """
        target = self._targets.find(view, tenant)
        with self._lock, kept(self._leases, view, tenant, "stream") as still_ours:
            self._checkpoints.forget(view, tenant)

            def after_chunk(advance: Advance) -> None:
                still_ours()
                on_chunk(advance)

            return self._load(target, after_chunk).rows

    def flush(self) -> None:
        """Write what is not written yet, and let others materialize."""
        with self._lock:
            self._checkpoints.write_all()
            for view, tenant in self._held:
                self._leases.release(view, tenant, "stream")
            self._held.clear()

    def _hold(self, view: str, tenant: str) -> None:
        if self._leases.hold(view, tenant, "stream"):
            self._checkpoints.forget(view, tenant)
        self._held.add((view, tenant))

    def _load(self, target: Target, on_chunk: OnChunk) -> Ranged:
        view, tenant = target.view.name, target.tenant
        now = self._clock.now()
        done = self._ranged.history(target, on_chunk, anew=self._checkpoints.progress(view, tenant) is not None)
        as_of = now if done.end is None else min(now, done.end)
        spec = target.spec
        self._checkpoints.advance(
            view, tenant, Progress(done.version, spec.quarantine_since, target.mapping, as_of, target.definition)
        )
        self._checkpoints.write(view)
        self._ranged.finished(target, "history")
        return done

    def _to_load(self, target: Target) -> bool:
        """Whether nothing is there yet, or what is there was made by another definition of the view."""
        progress = self._checkpoints.progress(target.view.name, target.tenant)
        return progress is None or progress.definition not in (None, target.definition)

    def _still(self, target: Target) -> None:
        """Raises Conflict when the source is to be read otherwise by now; a quarantine that came meanwhile is restored,
        as this run may just have written over what the stream had restored."""
        now = self._targets.find(target.view.name, target.tenant)
        if definition(now) == definition(target):
            return
        if now.spec.quarantine_since is not None:
            with self._lock:
                self._stream.restore(now)
        raise Conflict(
            f"how {target.source.name} is read was changed while the backfill of {target.view.name} ran",
            hint="run it again: it starts over under the new settings",
        )

    def _counted(self, target: Target, counts: Mapping[str, int]) -> dict[str, int]:
        """`counts` and what the online store refused since, added to `counts` of this process."""
        view, tenant = target.view.name, target.tenant
        found = {**counts, "refused": self._online.take_refused(tenant, view)}
        for what, count in found.items():
            self.counts[view, tenant, what] += count
        return found

    def _succeeding(self, view: str, tenant: str, prefix: str) -> JobRun:
        """The run of whoever just took the lease: older ones of its kind, the prefix of their ids, have nobody left."""
        for run in [] if self._unfinished is None else self._unfinished(job_urn(view), tenant):
            if run.id.partition("_")[0] == prefix:
                ended = {"ended_at": self._clock.now(), "status": "cancelled", "error": "its process was killed"}
                self._operations.record_job(run.model_copy(update=ended))
        return self._start(view, tenant, prefix)

    def _start(self, view: str, tenant: str, prefix: str = "run") -> JobRun:
        return JobRun(
            id=new_id(prefix),
            job=job_urn(view),
            subject=urn("feature_view", view),
            tenant=tenant,
            started_at=self._clock.now(),
            status="running",
        )


def _left_out(done: Ranged) -> dict[str, int]:
    return {"held_back": done.held_back, "unkeyed": done.unkeyed}
