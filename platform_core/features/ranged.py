"""Feature rows of a long stretch of events, in chunks: the first load of history, and backfills.

After each chunk the cursor is saved. A process that is killed goes on at the cursor when the same work is asked for
again; the chunk in which it died is computed again and only what differs is written, so that nothing is there twice.

Why a backfill may run beside the stream: its rows carry the time *before* their events were read. A row that the stream
wrote later, or from later events, has a later `created_ts` and wins, offline and online; a row that the stream wrote
earlier was computed from no more events than the backfill read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from foundation.canonical import digest
from foundation.clock import Clock
from platform_core.features.chunks import Chunk, chunks, event_times
from platform_core.features.feature_rows import offline_table, with_tenant
from platform_core.features.history import differing, feature_history
from platform_core.features.offline.port import ArrivalFeed
from platform_core.features.online.port import OnlineStore
from platform_core.features.ranges import Range, RangeKind, RangeStore
from platform_core.features.source_problems import reading
from platform_core.features.target import Target
from platform_core.features.values import moment

CHUNK_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a run has come, after each chunk: `done` of `total` events, `rows` written offline so far."""

    done: int
    total: int
    rows: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Ranged:
    events: int
    rows: int
    version: int
    resumed_at: datetime | None
    held_back: int
    unkeyed: int
    end: datetime | None = None
    """Later than the events that there were when it began; None when there was none."""


class RangedWork:
    """Not thread-safe: its owner takes turns. What holds between chunks is told by `on_chunk`, which may raise."""

    def __init__(
        self,
        offline: ArrivalFeed,
        online: OnlineStore,
        clock: Clock,
        ranges: RangeStore,
        *,
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        self._offline = offline
        self._online = online
        self._clock = clock
        self._ranges = ranges
        self._chunk_rows = chunk_rows

    def history(self, target: Target, on_chunk: Callable[[Advance], None], *, anew: bool = False) -> Ranged:
        """A feature row at each event so far, created when the newest of its events was. Call `finished` once progress
        is saved. `anew`: rows are there already, over which those that differ must win: they are created now."""
        found = event_times(self._offline, target, None, None)
        times = found.times
        known = self._known(target, "history")
        if known is None and not len(times):
            return Ranged(0, 0, self._version(target), None, found.held_back, found.unkeyed)
        # A range that was begun keeps its end and its version: what came since is the stream's.
        started = known or Range(
            moment(int(times[0])),
            moment(int(times[-1]) + 1),
            moment(int(times[0])),
            self._version(target),
            definition(target),
        )
        done = self._work(target, "history", started, known is not None, on_chunk, anew=anew)
        return replace(done, held_back=found.held_back, unkeyed=found.unkeyed, end=started.end)

    def backfill(self, target: Target, start: datetime, end: datetime, on_chunk: Callable[[Advance], None]) -> Ranged:
        """The rows of the events in [start, end), where they differ from those that are there."""
        known = self._known(target, "backfill")
        if known is not None and (known.start, known.end) != (start, end):
            known = None
        begun = known or Range(start, end, start, self._version(target), definition(target))
        done = self._work(target, "backfill", begun, known is not None, on_chunk)
        self.finished(target, "backfill")
        return done

    def finished(self, target: Target, kind: RangeKind) -> None:
        self._ranges.clear(target.view.name, target.tenant, kind)

    def _version(self, target: Target) -> int:
        with reading(target.source):
            return self._offline.version(target.source.table)

    def _known(self, target: Target, kind: RangeKind) -> Range | None:
        known = self._ranges.load(target.view.name, target.tenant, kind)
        return known if known is not None and known.definition == definition(target) else None

    def _work(
        self,
        target: Target,
        kind: RangeKind,
        work: Range,
        resumed: bool,
        on_chunk: Callable[[Advance], None],
        *,
        anew: bool = False,
    ) -> Ranged:
        view, tenant = target.view.name, target.tenant
        resumed_at = work.cursor if resumed else None
        abandoned = self._ranges.load(view, tenant, kind) is not None
        self._ranges.save(view, tenant, kind, work)
        found = event_times(self._offline, target, work.cursor, work.end)
        times = found.times
        # What an abandoned attempt left is compared with; a first load has nothing to compare with, and its rows are as
        # old as their events unless rows of another definition may be there already, over which they must win.
        compare = kind == "backfill" or abandoned or anew
        own_times = kind == "history" and not anew and (resumed or not abandoned)
        done = rows = 0
        for chunk in chunks(times, work.cursor, work.end, self._chunk_rows):
            written = self._chunk(target, chunk, own_times=own_times, compare=compare)
            done, rows = done + chunk.events, rows + written
            work = replace(work, cursor=chunk.end, rows=work.rows + written)
            self._ranges.save(view, tenant, kind, work)
            on_chunk(Advance(done, len(times), rows, chunk.end))
        return Ranged(done, rows, work.version, resumed_at, found.held_back, found.unkeyed)

    def _chunk(self, target: Target, chunk: Chunk, *, own_times: bool, compare: bool) -> int:
        view, tenant = target.view.name, target.tenant
        read_at = self._clock.now()
        computed = feature_history(self._offline, target, chunk.start, chunk.end, newest_only=not own_times)
        rows = with_tenant(computed, tenant, None if own_times else read_at)
        written = differing(self._offline, view, rows, chunk.start, chunk.end) if compare else rows
        if len(written):
            self._offline.append(offline_table(view), written)
        self._online.write_table(tenant, view, rows)
        return len(written)


def definition(target: Target) -> str:
    """A digest of all that decides what a row holds, besides the events."""
    return digest(
        {
            "view": target.view.model_dump(mode="json"),
            "source": target.source.model_dump(mode="json"),
            "read": target.spec.model_dump(mode="json"),
        }
    )
