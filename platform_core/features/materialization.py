"""Keeps feature values current: from a source's new rows to the online store and the offline feature history.

One `run` of a (view, tenant) takes the rows that arrived since its watermark, recomputes every feature row they touch
(for a late row: also the later rows of the same key), writes the newest row of each key online and all of them to
`features_<view>`. Repeating a run is harmless: online the newest (event_ts, created_ts) wins, offline the newest
created_ts among equal event times counts. After a crash the rows since the last checkpoint are materialized again.

A source's spec steers it. `field_mapping`: see `source_rows`; when it changes, rows that it fills are materialized.
`quarantine_since`: events at or after it are left out. On first sight, every key touched since then is set back to its
row as of its newest earlier event; a key without one gets what an empty window yields (counts 0, the rest null) as of
just before. On release the left-out events are materialized.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from foundation.clock import Clock
from foundation.errors import InvalidInput, VigiaError
from foundation.ids import new_id
from platform_core.catalog.specs import Catalog, DataSource
from platform_core.features.checkpoints import Checkpoints
from platform_core.features.feature_rows import newest_per_key, offline_table, with_tenant
from platform_core.features.history import differing, feature_history
from platform_core.features.offline.port import ArrivalFeed
from platform_core.features.online.port import OnlineStore
from platform_core.features.progress import Progress, ProgressStore
from platform_core.features.run_log import RunLog
from platform_core.features.source_rows import Arrival, sound_until
from platform_core.features.source_window import SourceWindow
from platform_core.features.target import Target, Targets, job_urn
from platform_core.features.touched import restored_rows, touched_rows
from platform_core.operations.resources import ResourceReader
from platform_core.operations.timeline import JobRun, OperationsRecorder
from platform_core.urn import urn

_FAILURES = (VigiaError, duckdb.Error, pa.ArrowException)


class Materializer:
    """One per process; safe to share between threads, which then take turns.

    `checkpoint_s`: seconds of the wall between checkpoints of a view. Call `flush` before the process ends.
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
        checkpoint_s: float = 2.0,
    ) -> None:
        self._targets = Targets(catalog, resources)
        self._offline = offline
        self._online = online
        self._clock = clock
        self._checkpoints = Checkpoints(offline, progress, checkpoint_s)
        self._log = RunLog(operations)
        self._lock = threading.Lock()
        self._database = duckdb.connect(config={"threads": 1})
        self._database.execute("SET TimeZone = 'UTC'")
        self._windows: dict[str, SourceWindow] = {}

    def run(self, view: str, tenant: str) -> JobRun:
        """Materialize what arrived. Does not raise for what the data or a store did: the run says failed, and why.

        Raises InvalidInput for an unknown view or a tenant without a source, Unavailable when runs cannot be recorded.
        """
        target = self._targets.find(view, tenant)
        with self._lock:
            run = self._start(view, tenant)
            if self._targets.cancelled(view):
                return self._log.finish(run, self._clock.now(), "cancelled")
            try:
                rows = self._advance(target)
                self._checkpoints.write_if_due(view)
            except _FAILURES as error:
                return self._log.finish(run, self._clock.now(), "failed", error=str(error))
            return self._log.finish(run, self._clock.now(), "succeeded", rows=rows)

    def backfill(self, view: str, start: datetime, end: datetime, tenant: str) -> JobRun:
        """Recompute the feature rows of the events in [start, end).

        Writes offline only what differs from the row already there, and never over a newer online row, so that it can
        be repeated and run beside the stream. Quarantined events stay out.
        """
        target = self._targets.find(view, tenant)
        run = self._log.record(self._start(view, tenant))
        try:
            with self._lock:
                self._checkpoints.write(view)
                rows = with_tenant(feature_history(self._offline, target, start, end), tenant, self._clock.now())
                changed = differing(self._offline, view, rows, start, end)
                if len(changed):
                    self._offline.append(offline_table(view), changed)
                self._online.write(tenant, view, newest_per_key(rows))
        except _FAILURES as error:
            ended = {"status": "failed", "ended_at": self._clock.now(), "error": str(error)}
        else:
            ended = {"status": "succeeded", "ended_at": self._clock.now(), "rows": len(changed)}
        return self._log.record(run.model_copy(update=ended))

    def load_history(self, view: str, tenant: str) -> int:
        """First materialization: a feature row for each event so far, offline, and the newest of each key online.

        Later runs go on from there. Returns the rows written offline.
        """
        target = self._targets.find(view, tenant)
        with self._lock:
            version = self._offline.version(target.source.table)
            rows = with_tenant(feature_history(self._offline, target, None, None), tenant)
            self._online.write(tenant, view, newest_per_key(rows))
            self._checkpoints.add(view, rows)
            progress = Progress(version, target.spec.quarantine_since, target.mapping)
            self._checkpoints.advance(view, tenant, progress)
            self._checkpoints.write(view)
            return len(rows)

    def flush(self) -> None:
        with self._lock:
            self._checkpoints.write_all()

    def _start(self, view: str, tenant: str) -> JobRun:
        return JobRun(
            id=new_id("run"),
            job=job_urn(view),
            subject=urn("feature_view", view),
            tenant=tenant,
            started_at=self._clock.now(),
            status="running",
        )

    def _advance(self, target: Target) -> int:
        """Raises InvalidInput about arrivals that break the contract, after having materialized those before them."""
        now = self._clock.now()
        view, tenant = target.view.name, target.tenant
        # Without progress, start with all that the window holds, which is all that can be present online.
        before = self._checkpoints.progress(view, tenant) or Progress(-1)
        window = self._window(target.source)
        window.follow(now, target.spec.field_mapping, before.watermark)
        arrivals = [a for a in window.arrivals if a.version > before.watermark]
        sound, problem = sound_until(arrivals, target.source, target.join_key, target.needed)
        watermark = arrivals[sound - 1].version if sound else before.watermark
        after = Progress(watermark, target.spec.quarantine_since, target.mapping)
        rows = 0
        if before != after:
            self._reach_back(target, window, arrivals[:sound], before, after)
            rows = self._materialize(target, window, before, after)
            self._checkpoints.advance(view, tenant, after)
            if replace(before, watermark=watermark) != after:
                self._checkpoints.write(view)
        window.forget(min(self._watermarks(target.source)))
        if problem is not None:
            raise InvalidInput(problem)
        return rows

    def _materialize(self, target: Target, window: SourceWindow, before: Progress, after: Progress) -> int:
        view, tenant, now = target.view.name, target.tenant, self._clock.now()
        edges = [q for q in (before.quarantine_since, after.quarantine_since) if q is not None]
        restored = None
        if after.quarantine_since is not None and after.quarantine_since != before.quarantine_since:
            restored = with_tenant(restored_rows(target, window, min(edges), after), tenant, now)
            self._online.restore(tenant, view, newest_per_key(restored))
            self._checkpoints.add(view, restored)
        rows = with_tenant(touched_rows(target, window, before, after), tenant, now)
        self._online.write(tenant, view, newest_per_key(rows))
        self._checkpoints.add(view, rows)
        return len(rows) + (0 if restored is None else len(restored))

    def _reach_back(
        self, target: Target, window: SourceWindow, arrivals: list[Arrival], before: Progress, after: Progress
    ) -> None:
        """Have the window hold what late arrivals and a moved quarantine need."""
        starts = [a.first_event for a in arrivals if a.first_event is not None]
        if before.quarantine_since != after.quarantine_since:
            edges = (before.quarantine_since, after.quarantine_since)
            starts += [edge - target.view.ttl for edge in edges if edge is not None]
        if starts:
            window.reach_back(min(starts) - self._reach(target.source), self._clock.now())

    def _window(self, source: DataSource) -> SourceWindow:
        if source.name not in self._windows:
            self._windows[source.name] = SourceWindow(self._offline, source, self._reach(source), self._database)
        return self._windows[source.name]

    def _reach(self, source: DataSource) -> timedelta:
        views = self._targets.readers(source)
        return max((a.window for v in views for a in v.aggregations), default=timedelta(0))

    def _watermarks(self, source: DataSource) -> list[int]:
        progress = [self._checkpoints.progress(v.name, source.tenant) for v in self._targets.readers(source)]
        return [-1 if p is None else p.watermark for p in progress]
