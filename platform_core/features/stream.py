"""The stream: one step takes the arrivals of a source since a view's watermark, a bounded number of rows at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import duckdb

from foundation.clock import Clock
from foundation.errors import Conflict, InvalidInput
from platform_core.catalog.specs import DataSource
from platform_core.features.checkpoints import Checkpoints
from platform_core.features.feature_rows import with_tenant
from platform_core.features.offline.port import ArrivalFeed
from platform_core.features.online.port import OnlineStore
from platform_core.features.progress import Progress
from platform_core.features.source_problems import reading
from platform_core.features.source_rows import LATENESS, Arrival, sound_until
from platform_core.features.source_window import SourceWindow
from platform_core.features.target import Target, Targets
from platform_core.features.touched import restored_rows, touched_rows


@dataclass(frozen=True, slots=True)
class Step:
    """Feature rows made, source rows counted by kind, and source rows that arrived but were left to the next step
    (at least so many: of those that were not looked at one is counted)."""

    rows: int = 0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    left: int = 0


class Stream:
    """Not thread-safe: its owner takes turns."""

    def __init__(  # noqa: PLR0917  # the order of the ports is the order of the flow
        self,
        targets: Targets,
        offline: ArrivalFeed,
        online: OnlineStore,
        clock: Clock,
        checkpoints: Checkpoints,
        chunk_rows: int,
    ) -> None:
        self._targets = targets
        self._offline = offline
        self._online = online
        self._clock = clock
        self._checkpoints = checkpoints
        self._chunk_rows = chunk_rows
        self._database = duckdb.connect(config={"threads": 1})
        self._database.execute("SET TimeZone = 'UTC'")
        self._windows: dict[str, SourceWindow] = {}
        self._stamped = datetime.min.replace(tzinfo=UTC)

    def advance(self, target: Target) -> Step:
        """Raises InvalidInput about arrivals that break the contract, after having materialized those before them, and
        Conflict for a view that was changed since."""
        now = self._clock.now()
        view, tenant = target.view.name, target.tenant
        # Without progress, start with all that the window holds, which is all that can be present online.
        before = self._checkpoints.progress(view, tenant) or Progress(-1)
        if before.definition not in (None, target.definition):
            raise Conflict(
                f"feature view {view} was changed: its values for {tenant} are those of its earlier definition",
                hint=f"load them again: vigia features materialize {view}",
            )
        window, as_of, most = self._window(target.source), self._as_of(target.source), self._chunk_rows
        while True:
            with reading(target.source):
                window.follow(now, target.spec.field_mapping, before.watermark, as_of, rows=most)
            arrivals = [a for a in window.arrivals if a.version > before.watermark]
            sound, problem = sound_until(arrivals, target.source, target.join_keys, target.needed)
            if problem is None or sound or not window.more:
                break
            most *= 2  # whether the contract is broken for good is said by what came last
        taken = min(sound, _first(arrivals, self._chunk_rows))
        watermark = arrivals[taken - 1].version if taken else before.watermark
        more = window.more
        as_of = now if taken == len(arrivals) and not more else before.as_of
        after = Progress(watermark, target.spec.quarantine_since, target.mapping, as_of, target.definition)
        rows = 0
        if before != after:
            self._reach_back(target, window, arrivals[:taken], before, after)
            rows = self._materialize(target, window, before, after)
            self._checkpoints.advance(view, tenant, after)
            if replace(before, watermark=watermark) != after:
                self._checkpoints.write(view)
        window.forget(min(self._watermarks(target.source)))
        if problem is not None and taken == sound and not (more and taken):
            raise InvalidInput(problem)
        left = sum(a.rows for a in arrivals[taken:]) + more
        return Step(rows, counted(arrivals[:taken], target), left)

    def restore(self, target: Target) -> None:
        """Set online values back to before the quarantine of `target`, which begins now as far as we know."""
        since = target.spec.quarantine_since
        if since is None:
            return
        window = self._window(target.source)
        version = self._offline.version(target.source.table)
        window.follow(self._clock.now(), target.spec.field_mapping, version)
        after = Progress(version, since, target.mapping)
        self._reach_back(target, window, [], Progress(version), after)
        restored = with_tenant(restored_rows(target, window, since, after), target.tenant, self._stamp())
        self._online.restore_table(target.tenant, target.view.name, restored)

    def _stamp(self) -> datetime:
        """When the rows of a step were created: later than those of the step before, whatever the clock does, because
        among rows of one event time the one created last counts."""
        self._stamped = max(self._clock.now(), self._stamped + timedelta(microseconds=1))
        return self._stamped

    def _materialize(self, target: Target, window: SourceWindow, before: Progress, after: Progress) -> int:
        view, tenant, now = target.view.name, target.tenant, self._stamp()
        edges = [q for q in (before.quarantine_since, after.quarantine_since) if q is not None]
        restored = None
        if after.quarantine_since is not None and after.quarantine_since != before.quarantine_since:
            restored = with_tenant(restored_rows(target, window, min(edges), after), tenant, now)
            self._online.restore_table(tenant, view, restored)
            self._checkpoints.add(view, restored)
        rows = with_tenant(touched_rows(target, window, before, after), tenant, now)
        self._online.write_table(tenant, view, rows)
        self._checkpoints.add(view, rows)
        return len(rows) + (0 if restored is None else len(restored))

    def _reach_back(
        self, target: Target, window: SourceWindow, arrivals: Sequence[Arrival], before: Progress, after: Progress
    ) -> None:
        """Have the window hold what late arrivals and a moved quarantine need."""
        starts = [a.first_event for a in arrivals if a.first_event is not None]
        if before.watermark < 0:  # begins here, without a first load: not with all history
            starts = [max(start, self._clock.now() - LATENESS) for start in starts]
        if before.quarantine_since != after.quarantine_since:
            edges = (before.quarantine_since, after.quarantine_since)
            starts += [edge - target.view.ttl for edge in edges if edge is not None]
        if starts:
            window.reach_back(min(starts) - self._reach(target.source))

    def _window(self, source: DataSource) -> SourceWindow:
        if source.name not in self._windows:
            self._windows[source.name] = SourceWindow(self._offline, source, self._reach(source), self._database)
        return self._windows[source.name]

    def _reach(self, source: DataSource) -> timedelta:
        views = self._targets.readers(source)
        return max((a.window for v in views for a in v.aggregations), default=timedelta(0))

    def _watermarks(self, source: DataSource) -> list[int]:
        return [-1 if p is None else p.watermark for p in self._progress(source)]

    def _as_of(self, source: DataSource) -> datetime | None:
        return min((p.as_of for p in self._progress(source) if p is not None and p.as_of is not None), default=None)

    def _progress(self, source: DataSource) -> list[Progress | None]:
        return [self._checkpoints.progress(v.name, source.tenant) for v in self._targets.readers(source)]


def counted(arrivals: Sequence[Arrival], target: Target) -> Mapping[str, int]:
    """Source rows by kind; see `Materializer.counts`."""
    total: Counter[str] = Counter()
    vital = [*target.join_keys, target.source.event_timestamp]
    for arrival in arrivals:
        total.update(arrival.counts)
        total["taken"] += arrival.rows
        total["unkeyed"] += max(arrival.nulls[column] for column in vital)
    return total


def _first(arrivals: Sequence[Arrival], rows: int) -> int:
    """How many of `arrivals` hold `rows` at most; one at least, as a version is not divided."""
    held = 0
    for position, arrival in enumerate(arrivals):
        held += arrival.rows
        if held > rows:
            return max(position, 1)
    return len(arrivals)
