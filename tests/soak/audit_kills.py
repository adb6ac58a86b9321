"""Kills writers with SIGKILL at random moments, many times: nothing acknowledged is lost, nothing unaudited is done.

    python -m tests.soak.audit_kills [--kills 1000] [--seed 7] [--seconds 900] [--url postgresql+psycopg://…]

`--seconds` ends it earlier: what was killed until then is judged, and `kills` says how many that were.

Each child is forked, opens the database and works: it appends entries and writes the number of each to a pipe when
`append` has returned (that is the acknowledgement), and it has actions approved and executed, whose effects go to a
file that stands for the target. On PostgreSQL children sequence as well. The parent kills the child some milliseconds
after a step chosen at random (or before the first) and reads what it had acknowledged. In the end everything
acknowledged must be in the log once, in its writer's order; every effect must have an `action.started` entry; no key
may have two effects; the log must verify.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from audit.chain import has_intake
from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from audit.sequencer import integrate
from audit.verify import verify_log
from foundation.clock import SystemClock
from foundation.database import metadata, open_database
from foundation.errors import Conflict
from foundation.ids import new_id
from guardrails.proposal import ActionReceipt
from tests.fakes.guarded import ALICE, TARGET, FakeTarget, Guard, proposal

ACK_BYTES = 20
STEP = "step"
"""What a child says that it did and that is no acknowledgement of an entry."""


class EffectsFile(FakeTarget):
    """Effects as lines of a file: they survive whoever had them done. The revision stays, so that all are possible."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def change(self, key: str, expected_revision: int) -> ActionReceipt:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
        return ActionReceipt(target=TARGET, revision=self.revision, change_event_id=new_id("chg"))

    def find(self, key: str) -> ActionReceipt | None:
        done = key in self._path.read_text(encoding="utf-8").split() if self._path.exists() else False
        return ActionReceipt(target=TARGET, revision=self.revision, change_event_id="chg_found") if done else None

    def withdraw(self, key: str) -> ActionReceipt | None:
        return self.find(key)


class Outcome(NamedTuple):
    kills: int
    acknowledged: int
    entries: int
    lost: list[str]
    doubled: list[str]
    out_of_order: int
    effects: int
    unaudited: list[str]
    repeated_effects: list[str]
    verified: bool
    problem: str | None

    @property
    def ok(self) -> bool:
        wrong = (self.lost, self.doubled, self.out_of_order, self.unaudited, self.repeated_effects)
        return self.verified and not any(wrong)


def work(url: str, effects: Path, acknowledge: Callable[[str], None], child: int) -> None:
    """Until killed."""
    engine = open_database(url)
    clock = SystemClock()
    guard = Guard(engine, clock)
    guard.target = guard.action.target = EffectsFile(effects)
    executor = guard.executor()
    guard.log.head()
    acknowledge(STEP)
    number = 0
    while True:
        name = f"{child:06d}-{number:06d}"
        subject = {"action": "test.appended", "actor": f"service:{child}", "subject": name}
        guard.log.append(AuditRecord.model_validate(subject))
        acknowledge(name)
        if number % 3 == 0:
            request = guard.approvals.request(proposal(clock, revision=guard.target.revision))
            acknowledge(STEP)
            approved = guard.approvals.decide(request.id, ALICE, "approve", channel="cli")
            acknowledge(STEP)
            with suppress(Conflict):
                executor.execute(approved.id)
            acknowledge(STEP)
        if has_intake(engine) and number % 4 == 0:
            integrate(engine, batch=5, wait=False)
        number += 1


def kill_one(url: str, effects: Path, child: int, steps: int, seconds: float) -> list[str]:
    """What the child acknowledged before it was killed."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reads)
            work(url, effects, lambda name: _tell(writes, name), child)
        finally:
            os._exit(1)
    os.close(writes)
    before = b"".join(os.read(reads, ACK_BYTES) for _ in range(steps))
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reads, "rb") as pipe:
        told = (before + pipe.read()).decode()
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"child {child} ended by itself with {status}: see its traceback above")
    names = [told[at : at + ACK_BYTES].strip() for at in range(0, len(told) // ACK_BYTES * ACK_BYTES, ACK_BYTES)]
    return [name for name in names if name != STEP]


def _tell(pipe: int, name: str) -> None:
    os.write(pipe, name.ljust(ACK_BYTES).encode())


def soak(
    url: str, directory: Path, *, kills: int, seed: int, longest: float = 0.015, seconds: float = float("inf")
) -> Outcome:
    """`longest` in seconds: how long after its last step a child may live. No child is begun after `seconds`."""
    until = time.monotonic() + seconds
    chance, effects = random.Random(seed), directory / "effects"
    engine = open_database(url)
    metadata.create_all(engine)
    engine.dispose()  # nothing open is shared with a forked child
    acknowledged: list[str] = []
    killed = 0
    while killed < kills and time.monotonic() < until:
        acknowledged += kill_one(url, effects, killed, chance.randrange(14), chance.uniform(0, longest))
        killed += 1
    return _check(url, effects, killed, acknowledged)


def _check(url: str, effects: Path, kills: int, acknowledged: list[str]) -> Outcome:
    engine = open_database(url)
    log = SqlAuditLog(engine, SystemClock())
    entries = log.entries()
    names = [entry.record.subject for entry in entries if entry.record.action == "test.appended"]
    times = Counter(names)
    started = {e.record.subject for e in entries if e.record.action == "action.started"}
    done = effects.read_text(encoding="utf-8").split() if effects.exists() else []
    report = verify_log(engine)
    engine.dispose()
    by_child: dict[str, list[str]] = {}
    for name in names:
        by_child.setdefault(name[:6], []).append(name)
    return Outcome(
        kills=kills,
        acknowledged=len(acknowledged),
        entries=len(entries),
        lost=sorted(set(acknowledged) - set(names)),
        doubled=sorted(name for name, count in times.items() if count > 1),
        out_of_order=sum(mine != sorted(mine) for mine in by_child.values()),
        effects=len(done),
        unaudited=sorted(set(done) - started),
        repeated_effects=sorted(key for key, count in Counter(done).items() if count > 1),
        verified=report.ok,
        problem=report.problem,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--url", help="an empty database of its own; SQLite in a temporary directory when not given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = arguments.url or f"sqlite:///{Path(directory) / 'kills.db'}"
        outcome = soak(url, Path(directory), kills=arguments.kills, seed=arguments.seed, seconds=arguments.seconds)
    print(json.dumps({"soak": "audit_kills", "database": sa.make_url(url).get_backend_name(), **outcome._asdict()}))
    sys.exit(0 if outcome.ok else 1)


if __name__ == "__main__":
    main()
