"""What does a guarded claim cost? Taking an approval beside a plain durable UPDATE and INSERT, in one run.

The claim is everything that happens in the one transaction before an effect: the clock checked against the log, the
kill switch, the stored proposal and the log's story of it, the conditional UPDATE, the uniquely keyed execution, a unit
of the action budget in three scopes, and the audit entry. The plain side is a conditional UPDATE of one row and an
INSERT of another, committed as durably, on the same database through the same engine. Blocks alternate, so a slow
moment of the disk hits both; beside the wall the processor time of each is given, which a busy machine moves less, the
number of statements, and what writing four pages durably takes in the same directory. First it is checked that every
claim was taken once and a second one is refused.

    python -m benchmarks.approvals [--claims 400] [--url postgresql+psycopg://…]

With a URL the tables are made in that database: give it an empty one of its own. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from sqlalchemy import event
from sqlalchemy.engine import Engine

from audit.log import SqlAuditLog
from benchmarks.racing_target import Race, proposal_for
from foundation.clock import FixedClock
from foundation.database import metadata, open_database, transaction
from foundation.ids import new_id
from guardrails.approvals.rights import Rights
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.types import ApprovalRequest
from guardrails.budgets.ledger import BudgetLedger
from guardrails.budgets.types import BudgetLimits, Limits
from guardrails.executor.claiming import Claims
from guardrails.executor.port import ActionExecution
from guardrails.policy.policy import Policy
from platform_core.access.principals import Principal

BLOCK = 20
NOW = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
ALICE = Principal(id="human:alice", name="Alice", roles=frozenset({"oncall"}), tenants=frozenset({"*"}))

_plain = sa.MetaData()
grants = sa.Table(
    "benchmark_grants",
    _plain,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("status", sa.String(10), nullable=False),
)
taken = sa.Table(
    "benchmark_taken",
    _plain,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("grant_id", sa.String(64), nullable=False, unique=True),
    sa.Column("status", sa.String(10), nullable=False),
)


def prepared(engine: Engine, count: int) -> tuple[Claims, list[ApprovalRequest]]:
    """`count` approved requests, as they lie in the database when the worker comes for them."""
    clock = FixedClock(NOW)
    log = SqlAuditLog(engine, clock)
    policy = Policy.load(None)
    desk = ApprovalService(engine, clock, log, policy, expires_after=timedelta(minutes=30), people=_who_is)
    requests: list[ApprovalRequest] = []
    for index in range(count):
        request = desk.request(proposal_for(Race(index, "execute"), NOW))
        requests.append(desk.decide(request.id, ALICE, "approve", channel="cli"))
    budget = BudgetLedger(engine, clock, BudgetLimits(day=Limits(actions=10**9), tenant=Limits(actions=10**9)))
    rights = Rights(policy, _who_is)
    return Claims(engine, clock, log, rights, _who_is, actor="service:worker", budget=budget), requests


def _who_is(_principal_id: str) -> Principal:
    return ALICE


def execution_of(request: ApprovalRequest) -> ActionExecution:
    incident = request.proposal.incident_id
    return ActionExecution(
        id=new_id("exe"), approval_id=request.id, incident_id=incident, status="started", started_at=NOW
    )


def plain_claim(engine: Engine, grant_id: str) -> bool:
    with transaction(engine) as connection:
        update = sa.update(grants).where(grants.c.id == grant_id, grants.c.status == "approved")
        if connection.execute(update.values(status="claimed")).rowcount != 1:
            return False
        connection.execute(sa.insert(taken).values(id=f"t{grant_id}", grant_id=grant_id, status="started"))
        return True


class Times(NamedTuple):
    """Of calls one after the other, in milliseconds: on the wall, and of this thread's processor."""

    wall: list[float]
    cpu: list[float]

    def add(self, calls: list[Callable[[], bool]]) -> None:
        """Call each; all of them must have claimed."""
        for call in calls:
            started, used = time.perf_counter(), time.thread_time()
            won = call()
            self.cpu.append((time.thread_time() - used) * 1000)
            self.wall.append((time.perf_counter() - started) * 1000)
            if not won:
                raise RuntimeError("a claim that nobody else wanted was lost")


def statements_of(engine: Engine, call: Callable[[], bool]) -> int:
    """How many statements a call runs, BEGIN and COMMIT apart."""
    seen: list[str] = []

    def see(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(engine, "before_cursor_execute", see)
    call()
    event.remove(engine, "before_cursor_execute", see)
    return len([sql for sql in seen if not sql.startswith("BEGIN")])


def fsync_ms(directory: Path, count: int) -> float:
    """The median of writing four pages to a file and having them on the disk: beneath it no durable commit can be."""
    took: list[float] = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(count):
            started = time.perf_counter()
            file.write(b"x" * 4 * 4096)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def measure(engine: Engine, count: int) -> dict[str, float]:
    claims, requests = prepared(engine, count + BLOCK + 1)
    ids = [f"g{index}" for index in range(count + BLOCK + 1)]
    with transaction(engine) as connection:
        connection.execute(sa.insert(grants), [{"id": grant_id, "status": "approved"} for grant_id in ids])
    # Warms statements and caches, and shows that both sides take a thing once.
    for request, grant_id in zip(requests[:BLOCK], ids[:BLOCK], strict=True):
        once = [claims.take(execution_of(request), request) for _ in range(2)]
        plain = [plain_claim(engine, grant_id) for _ in range(2)]
        if once != [True, False] or plain != [True, False]:
            raise RuntimeError(f"a claim was not taken exactly once: {once}, {plain}")
    guarded, plainly = Times([], []), Times([], [])
    for start in range(BLOCK, count + BLOCK, BLOCK):
        block = slice(start, start + BLOCK)
        plainly.add([lambda i=i: plain_claim(engine, i) for i in ids[block]])
        guarded.add([lambda r=r: claims.take(execution_of(r), r) for r in requests[block]])
    p50, plain_p50 = statistics.median(guarded.wall), statistics.median(plainly.wall)
    cpu, plain_cpu = statistics.median(guarded.cpu), statistics.median(plainly.cpu)
    last = requests[-1]
    return {
        "claims": count,
        "claim_p50_ms": round(p50, 3),
        "claim_p95_ms": round(statistics.quantiles(guarded.wall, n=20)[18], 3),
        "plain_p50_ms": round(plain_p50, 3),
        "ratio": round(p50 / plain_p50, 2),
        "added_ms": round(p50 - plain_p50, 3),
        "claim_cpu_ms": round(cpu, 3),
        "plain_cpu_ms": round(plain_cpu, 3),
        "claim_statements": statements_of(engine, lambda: claims.take(execution_of(last), last)),
        "plain_statements": statements_of(engine, lambda: plain_claim(engine, ids[-1])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=400)
    parser.add_argument("--url")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        engine = open_database(given.url or f"sqlite:///{Path(directory) / 'benchmark.db'}")
        metadata.create_all(engine)
        _plain.drop_all(engine)
        _plain.create_all(engine)
        figures = measure(engine, given.claims) | {"fsync_p50_ms": round(fsync_ms(Path(directory), given.claims), 3)}
        _plain.drop_all(engine)
        engine.dispose()
    table = Table("figure", engine.dialect.name, title="a guarded claim beside a plain durable UPDATE and INSERT")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)
    print(json.dumps({"benchmark": "approvals", "database": engine.dialect.name, **figures}))


if __name__ == "__main__":
    main()
