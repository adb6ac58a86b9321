"""One holder at a time, over connections, processes and both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.database import open_database, transaction
from migrations.upgrade import upgrade_database
from platform_core.features.leases import LeaseHeld, SqlLeases, Work, kept
from platform_core.features.process_identity import certainly_gone, this_process
from platform_core.features.progress import Progress, SqlProgress
from platform_core.features.ranges import Range, SqlRanges
from platform_core.features.tables import materialization_leases

HOUR = timedelta(hours=1)
KEY: tuple[str, str, Work] = ("card_velocity", "br", "stream")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def database(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "sqlite":
        yield request.getfixturevalue("engine")
        return
    url: str = request.getfixturevalue("postgres_url")
    upgrade_database(url)
    engine = open_database(url)
    yield engine
    engine.dispose()


def test_the_second_one_is_told_who_holds_it(database: Engine, clock: FixedClock) -> None:
    first, second = SqlLeases(database, holder="the first", wall=clock), SqlLeases(database, wall=clock)
    assert first.hold(*KEY)
    with pytest.raises(
        LeaseHeld, match=r"stream of card_velocity for br is held by the first \(process \d+ on .*05:51:30"
    ):
        second.hold(*KEY)
    assert second.hold("card_velocity", "br", "backfill"), "a backfill runs beside the stream"
    assert second.hold("card_velocity", "mx", "stream")
    second.release(*KEY)
    assert first.hold(*KEY) is False, "what somebody else holds is not released"
    first.release(*KEY)
    assert second.hold(*KEY)


def test_it_is_renewed_while_held_and_succeeded_when_it_ran_out(database: Engine, clock: FixedClock) -> None:
    first, second = SqlLeases(database, wall=clock), SqlLeases(database, wall=clock)
    first.hold(*KEY)
    for _ in range(4):
        clock.advance(timedelta(seconds=15))
        assert first.hold(*KEY) is False
        with pytest.raises(LeaseHeld):
            second.hold(*KEY)
    clock.advance(timedelta(seconds=30))
    assert second.hold(*KEY)
    with pytest.raises(LeaseHeld):
        first.hold(*KEY)


def test_one_that_was_succeeded_cannot_move_its_successors_progress(database: Engine, clock: FixedClock) -> None:
    paused, successor = SqlLeases(database, wall=clock), SqlLeases(database, wall=clock)
    stores = [SqlProgress(database, clock, guard=leases.guard) for leases in (paused, successor)]
    paused.hold(*KEY)
    stores[0].save("card_velocity", "br", Progress(3))
    clock.advance(timedelta(minutes=1))
    successor.hold(*KEY)
    stores[1].save("card_velocity", "br", Progress(7))
    with pytest.raises(LeaseHeld):
        stores[0].save("card_velocity", "br", Progress(4))
    assert stores[0].load("card_velocity", "br") == Progress(7)
    successor.release(*KEY)
    with pytest.raises(LeaseHeld, match="not ours any more"):
        stores[0].save("card_velocity", "br", Progress(4))
    assert stores[0].load("card_velocity", "br") == Progress(7), "also when the successor is done"


def test_nor_its_successors_cursor(database: Engine, clock: FixedClock) -> None:
    paused, successor = SqlLeases(database, wall=clock), SqlLeases(database, wall=clock)
    stores = [SqlRanges(database, clock, guard=leases.guard) for leases in (paused, successor)]
    now = clock.now()
    paused.hold("card_velocity", "br", "backfill")
    clock.advance(timedelta(minutes=1))
    successor.hold("card_velocity", "br", "backfill")
    stores[1].save("card_velocity", "br", "backfill", Range(now, now + HOUR, now + HOUR, 7, "d"))
    successor.release("card_velocity", "br", "backfill")
    with pytest.raises(LeaseHeld):
        stores[0].save("card_velocity", "br", "backfill", Range(now, now + HOUR, now, 7, "d"))
    with pytest.raises(LeaseHeld):
        stores[0].clear("card_velocity", "br", "backfill")
    assert stores[0].load("card_velocity", "br", "backfill") == Range(now, now + HOUR, now + HOUR, 7, "d")


@pytest.mark.parametrize("given_back", [False, True])
def test_long_work_is_told_that_it_lost_it_and_does_not_take_it_again(
    database: Engine, clock: FixedClock, given_back: bool
) -> None:
    paused, successor = SqlLeases(database, wall=clock), SqlLeases(database, wall=clock)
    with kept(paused, *KEY, every_s=60) as still_ours:
        still_ours()
        clock.advance(timedelta(seconds=20))
        still_ours()
        clock.advance(timedelta(minutes=1))
        successor.hold(*KEY)
        if given_back:
            successor.release(*KEY)
        for _ in range(2):
            with pytest.raises(LeaseHeld, match="not ours any more"):
                still_ours()
    assert successor.hold(*KEY) is given_back, "what is not ours was neither taken nor released"


def test_a_process_that_is_gone_is_succeeded_at_once(database: Engine, clock: FixedClock) -> None:
    code = "from platform_core.features.process_identity import this_process; print(this_process().identity)"
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    leases = SqlLeases(database, wall=clock)
    SqlLeases(database, wall=clock).hold(*KEY)
    with pytest.raises(LeaseHeld):
        leases.hold(*KEY)
    with transaction(database) as connection:
        connection.execute(sa.update(materialization_leases).values(process=ended.stdout.strip()))
    assert leases.hold(*KEY)


def test_of_many_that_try_at_once_one_gets_it(database: Engine) -> None:
    ready, won = threading.Barrier(8), []

    def attempt(number: int) -> None:
        leases = SqlLeases(database)
        ready.wait()
        try:
            leases.hold(*KEY)
        except LeaseHeld:
            return
        won.append(number)

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_long_work_keeps_it_and_gives_it_back(database: Engine) -> None:
    worker, other = SqlLeases(database, seconds=0.3), SqlLeases(database, seconds=0.3)
    with kept(worker, *KEY, every_s=0.05):
        waited = threading.Event()
        waited.wait(0.6)
        with pytest.raises(LeaseHeld):
            other.hold(*KEY)
    assert other.hold(*KEY)


def test_only_the_certain_is_certain() -> None:
    mine = this_process().identity
    assert not certainly_gone(mine)
    assert not certainly_gone("")
    assert not certainly_gone("another-machine/1/1")
    machine, pid, began = mine.split("/")
    assert certainly_gone(f"{machine}/{pid}/{int(began) - 1}"), "the number is used again"
