"""A process that materializes and is killed: `python -m tests.fakes.killed_materializer`.

Forks a child for each line on stdin, `<directory> <what> <die_at>`, before any library has made a thread; prints the
child's number, and when it has ended its exit status (negative: the signal). A child whose `die_at` is n > 0 kills
itself before the nth thing it writes: each store's call that changes something counts.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from foundation.clock import FixedClock
from foundation.database import open_database
from platform_core.features.leases import SqlLeases
from platform_core.features.materialization import Materializer
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.progress import SqlProgress
from platform_core.features.ranges import SqlRanges
from platform_core.operations.sql_timeline import SqlOperations
from tests.fakes.velocity import CATALOG, NOW, Resources

VIEW, TENANT = "card_velocity", "br"


class Mortal:
    """Hands on every call; dies before the one that is due. `deadly` are the calls that change something."""

    def __init__(self, inner: Any, deadly: set[str], due: Callable[[], None]) -> None:
        self._inner, self._deadly, self._due = inner, deadly, due

    def __getattr__(self, name: str) -> Any:
        if name in self._deadly:
            self._due()
        return getattr(self._inner, name)


def materializer(directory: Path, die_at: int = 0) -> Materializer:
    """Over the stores in `directory`; a new process each time."""
    left = [die_at]

    def due() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    engine = open_database(f"sqlite:///{directory / 'vigia.db'}")
    clock = FixedClock(NOW + timedelta(seconds=len(list(directory.glob("born-*")))))
    leases = SqlLeases(engine, seconds=30)
    offline: Any = Mortal(DeltaOfflineStore(directory / "offline"), {"append"}, due)
    online: Any = Mortal(SqliteOnlineStore(directory / "online.db"), {"write_table", "restore"}, due)
    progress: Any = Mortal(SqlProgress(engine, clock, guard=leases.guard), {"save"}, due)
    ranges: Any = Mortal(SqlRanges(engine, clock, guard=leases.guard), {"save", "clear"}, due)
    timeline = SqlOperations(engine)
    operations: Any = Mortal(timeline, {"record_job", "record_change"}, due)
    return Materializer(
        CATALOG,
        offline,
        online,
        Resources(),
        operations,
        clock,
        progress,
        ranges=ranges,
        leases=leases,
        unfinished=timeline.unfinished,
        chunk_rows=40,
    )


def work(directory: Path, what: str, die_at: int) -> int:
    (directory / f"born-{os.getpid()}").touch()
    made = materializer(directory, die_at)
    if what == "catch_up":
        run = made.catch_up(VIEW, TENANT)
    else:
        run = made.backfill(VIEW, NOW - timedelta(hours=20), NOW - timedelta(hours=2), TENANT)
    return 0 if run.status == "succeeded" else 3


def main() -> None:
    for line in sys.stdin:
        directory, what, die_at = line.split()
        child = os.fork()
        if child == 0:
            os._exit(work(Path(directory), what, int(die_at)))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
