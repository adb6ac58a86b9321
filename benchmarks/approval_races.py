"""Do races over approvals ever end in two effects, an effect after the grant, or one that nobody approved?

Each race prepares one request and lets forked processes go for it at once, in one of these ways:

- `execute`: every process executes the same approval;
- `expire`: the grant runs out while they do (half the racers' clocks have passed its end, one closes what is due);
- `alter`: one racer rewrites the stored proposal while the others execute;
- `supersede`: one racer closes the request while the others execute.

The target keeps a file of effects per race, written by whoever applies: it looks at no revision, and keeps only its
promise about idempotency keys. Counted there: races with two effects, effects under an expired grant, effects with
other arguments than were approved. All three must be 0. Durability is off on SQLite (nothing here pulls a plug; the
races are about order), which is what makes 10,000 of them affordable.

    python -m benchmarks.approval_races [--races 1000] [--first 0] [--processes 3] [--url postgresql+psycopg://…]

`--first` goes on in the same database with the race of that number, for a machine on which all of them take too long.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from sqlalchemy import event
from sqlalchemy.engine import Engine

from audit.log import SqlAuditLog
from benchmarks.racing_target import ACTION, Race, RacingAction, applied, kind_of, proposal_for
from foundation.clock import FixedClock
from foundation.database import metadata, open_database
from foundation.errors import VigiaError
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.tables import proposals
from guardrails.executor.executor import Executor
from guardrails.policy.policy import Policy
from platform_core.access.principals import Principal

START = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
POLICY = Policy.load(None)
GRANT = timedelta(minutes=30)
ALICE = Principal(id="human:alice", name="Alice", roles=frozenset({"oncall"}), tenants=frozenset({"*"}))


def open_engine(url: str) -> Engine:
    engine = open_database(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _relax(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA synchronous=OFF")

    return engine


def service(engine: Engine, clock: FixedClock) -> ApprovalService:
    log = SqlAuditLog(engine, clock)
    return ApprovalService(engine, clock, log, POLICY, expires_after=GRANT, people=lambda _id: ALICE)


def run(url: str, races: int, processes: int, directory: Path, *, first: int = 0) -> dict[str, int]:
    """Counts over `races` races from number `first` on: double, expired, altered, and how they ended."""
    setup = open_engine(url)
    metadata.create_all(setup)
    setup.dispose()
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(processes)
    ids = context.Array("c", 64)
    workers = [
        context.Process(target=_racer, args=(number, url, range(first, first + races), directory, barrier, ids))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError(f"a racer failed: {[worker.exitcode for worker in workers]}")
    return _counted(directory, range(first, first + races))


def _racer(  # noqa: PLR0917 - what a process is handed when it is forked
    number: int, url: str, races: range, directory: Path, barrier: Any, ids: Any
) -> None:
    """Process 0 prepares each race; then all of them run it at once."""
    engine = open_engine(url)
    outcomes: Counter[str] = Counter()
    for index in races:
        race = Race(index, kind_of(index))
        # A clock of its own for each race, an hour after the race before, so that every grant is judged afresh.
        began = START + timedelta(hours=index)
        if number == 0:
            desk = service(engine, FixedClock(began))
            request = desk.request(proposal_for(race, began))
            ids.value = desk.decide(request.id, ALICE, "approve", channel="cli").id.encode()
        barrier.wait(timeout=120)
        outcomes[_compete(number, engine, race, began, ids.value.decode(), directory)] += 1
        barrier.wait(timeout=120)
    engine.dispose()
    (directory / f"outcomes-{number}.json").write_text(json.dumps(outcomes), encoding="utf-8")


def _compete(  # noqa: PLR0917 - who, where, in which race
    number: int, engine: Engine, race: Race, began: datetime, approval_id: str, directory: Path
) -> str:
    late = race.kind == "expire" and number % 2 == 1
    clock = FixedClock(began + (GRANT if late else timedelta(seconds=1)))
    desk = service(engine, clock)
    executor = Executor(
        engine,
        clock,
        SqlAuditLog(engine, clock),
        desk,
        POLICY,
        {ACTION: RacingAction(directory, race, late=late)},
        people=lambda _id: ALICE,
        actor="service:worker",
    )
    try:
        if number == 1 and race.kind == "alter":
            return _alter(engine, race, began)
        if number == 1 and race.kind == "supersede":
            return f"superseded {desk.supersede(approval_id, 'new evidence')}"
        if number == 1 and race.kind == "expire":  # its clock has passed the end
            return f"closed {len(desk.expire_due())}"
        return executor.execute(approval_id).status
    except VigiaError as refused:
        return refused.code


def _alter(engine: Engine, race: Race, began: datetime) -> str:
    document = proposal_for(race, began, source="payments_ar")
    with engine.begin() as connection:
        update = sa.update(proposals).where(proposals.c.id == document.id)
        connection.execute(update.values(document=document.model_dump_json(), digest=document.digest))
    return "altered"


def _counted(directory: Path, races: range) -> dict[str, int]:
    outcomes: Counter[str] = Counter()
    for path in directory.glob("outcomes-*.json"):
        outcomes.update(json.loads(path.read_text(encoding="utf-8")))
    double = expired = altered = effects = 0
    for index in races:
        done = applied(directory, Race(index, kind_of(index)))
        effects += len(done)
        double += len(done) > 1
        expired += any(effect["late"] for effect in done)
        altered += any(effect["source"] != "payments_br" for effect in done)
    counts = {"double": double, "expired": expired, "altered": altered, "effects": effects}
    return counts | {f"ended_{name.replace(' ', '_').lower()}": count for name, count in sorted(outcomes.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--races", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--url", help="an empty database of its own; a SQLite file when not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = given.url or f"sqlite:///{Path(directory) / 'races.db'}"
        started = time.perf_counter()
        counts = run(url, given.races, given.processes, Path(directory), first=given.first)
        took = time.perf_counter() - started
    table = Table("figure", "count", title=f"{given.races} races of {given.processes} processes")
    for name, count in counts.items():
        table.add_row(name.replace("_", " "), str(count))
    Console().print(table)
    database = sa.make_url(url).get_backend_name()
    figures = {
        "races": given.races,
        "first": given.first,
        "processes": given.processes,
        "seconds": round(took, 1),
        **counts,
    }
    print(json.dumps({"benchmark": "approval_races", "database": database, **figures}))
    if counts["double"] or counts["expired"] or counts["altered"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
