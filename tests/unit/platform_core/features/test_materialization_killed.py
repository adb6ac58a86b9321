"""SIGKILL at any moment, in any of its steps: whoever comes next goes on, and the end is that of an undisturbed run."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from foundation.database import open_database
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.target import job_urn
from platform_core.operations.sql_timeline import SqlOperations
from tests.fakes.velocity import NOW, payments

VIEW, TENANT = "card_velocity", "br"
KILLED = -int(signal.SIGKILL)


class Zygote:
    """Forks materializers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.killed_materializer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[4],
        )

    def run(self, directory: Path, what: str, *, die_at: int = 0, after_s: float | None = None) -> int:
        """The exit status of one run; killed from outside after `after_s` seconds, if it is still there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{directory} {what} {die_at}\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if after_s is not None:
            time.sleep(after_s)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=10) == 0
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> Path:
    """A day of payments of eight cards, some late, some twice, in a platform that materialized nothing yet."""
    directory = tmp_path_factory.mktemp("source")
    shutil.copyfile(migrated_database, directory / "vigia.db")
    offline = DeltaOfflineStore(directory / "offline")
    rng = random.Random(3)
    for batch in range(6):
        events = [
            {
                "id": f"{batch}.{n}",
                "at": NOW - timedelta(minutes=rng.randrange(1440)),
                "card": f"c{rng.randrange(8)}",
                "amount": float(n),
            }
            for n in range(40)
        ]
        events += events[:3]
        offline.append(f"payments_{TENANT}", payments(events, ingested=NOW - timedelta(minutes=6 - batch)))
    return directory


class Outcome(NamedTuple):
    online: dict[str, Any]
    offline: dict[tuple[str, datetime], Any]


def outcome(directory: Path) -> Outcome:
    """What readers see: online values, and offline the row created last for each (key, event time)."""
    online = SqliteOnlineStore(directory / "online.db")
    rows = online.read(TENANT, [(VIEW, f"c{n}") for n in range(8)], now=NOW, ttls={})
    history: dict[tuple[str, datetime], Any] = {}
    seen: dict[tuple[str, datetime, datetime], Any] = {}
    for row in sorted(DeltaOfflineStore(directory / "offline").read(f"features_{VIEW}").to_pylist(), key=created):
        values = rounded({n: row[n] for n in row if n not in ("tenant", "key", "event_ts", "created_ts")})
        history[row["key"], row["event_ts"]] = values
        at = row["key"], row["event_ts"], row["created_ts"]
        assert seen.setdefault(at, values) == values, "two rows that nothing tells apart must agree"
    return Outcome({row.key: rounded(row.values) for row in rows}, history)


def rounded(values: Any) -> dict[str, float | None]:
    """Sums in another order differ in their last bits."""
    return {name: None if value is None else round(value, 9) for name, value in values.items()}


def created(row: dict[str, Any]) -> datetime:
    at: datetime = row["created_ts"]
    return at


def copy(source: Path, to: Path) -> Path:
    shutil.copytree(source, to)
    return to


def late_arrivals(directory: Path) -> None:
    offline = DeltaOfflineStore(directory / "offline")
    for batch in range(4):
        events = [
            {
                "id": f"late{batch}.{n}",
                "at": NOW - timedelta(minutes=30 * n + batch),
                "card": f"c{n % 8}",
                "amount": 7.0,
            }
            for n in range(30)
        ]
        offline.append(f"payments_{TENANT}", payments(events, ingested=NOW))


@pytest.fixture(scope="module")
def undisturbed(zygote: Zygote, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    directory = copy(source, tmp_path_factory.mktemp("undisturbed") / "p")
    late_arrivals(directory)
    assert zygote.run(directory, "catch_up") == 0
    return outcome(directory)


def test_killed_before_each_thing_it_writes(zygote: Zygote, source: Path, undisturbed: Outcome, tmp_path: Path) -> None:
    """History is loaded, rows arrive late, the stream takes them: in each of these the nth write is the last, n = 1…"""
    directory = copy(source, tmp_path / "p")
    steps, arrived = 0, False
    while True:
        steps += 1
        status = zygote.run(directory, "catch_up", die_at=1 + steps % 12)
        assert status in (0, KILLED)
        if status == 0 and arrived:
            break
        if status == 0:
            late_arrivals(directory)
            arrived = True
        assert steps < 80
    assert steps > 10
    assert outcome(directory) == undisturbed
    assert zygote.run(directory, "backfill") == 0
    assert outcome(directory) == undisturbed
    operations = SqlOperations(open_database(f"sqlite:///{directory / 'vigia.db'}"))
    runs = operations.job_runs(NOW - timedelta(days=1), NOW + timedelta(days=1), job=job_urn(VIEW))
    assert {run.status for run in runs} == {"succeeded", "cancelled"}, "the killed ones do not run for ever"
    killed = [run for run in runs if run.status == "cancelled"]
    assert max(run.rows for run in killed) >= 40, "what they had counted stays"
    assert {run.error for run in killed} == {"its process was killed"}


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments(
    seed: int, zygote: Zygote, source: Path, undisturbed: Outcome, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    directory = copy(source, tmp_path / "p")
    late_arrivals(directory)
    kills = 0
    while zygote.run(directory, "catch_up", after_s=rng.uniform(0.01, 0.25)) == KILLED and kills < 12:
        kills += 1
    assert zygote.run(directory, "catch_up") == 0
    assert outcome(directory) == undisturbed
    assert kills > 0


def test_a_killed_backfill_goes_on_at_its_cursor(zygote: Zygote, source: Path, tmp_path: Path) -> None:
    directory = copy(source, tmp_path / "p")
    assert zygote.run(directory, "backfill", die_at=9) == KILLED
    engine = open_database(f"sqlite:///{directory / 'vigia.db'}")
    (killed,) = SqlOperations(engine).unfinished(job_urn(VIEW), TENANT)
    assert (killed.counts, killed.rows > 0) == ({"taken": 40}, True), "as far as it had come"
    assert zygote.run(directory, "backfill") == 0
    ended = SqlOperations(engine).job_runs(NOW - timedelta(days=1), NOW + timedelta(days=1))
    (closed,) = (run for run in ended if run.id == killed.id)
    assert (closed.status, closed.rows, closed.counts) == ("cancelled", killed.rows, killed.counts)
    (event,) = SqlOperations(engine).changes(NOW - timedelta(days=1), NOW + timedelta(days=1), kinds=["backfill"])
    engine.dispose()
    assert event.details["resumed_at"] > event.details["from"]
    whole = copy(source, tmp_path / "whole")
    assert zygote.run(whole, "backfill") == 0
    assert outcome(directory) == outcome(whole)
