"""Attacks by doing it at once: two resumers of one interrupt, two workers, eight calls in parallel.

The target looks at no revision and is read stale, so every caller that gets past the claim with a key of its own acts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.fakes.bypass import Bench, Disarmed

MakeBench = Callable[..., Bench]


def at_once(bench: Bench, *calls: Callable[[], object]) -> None:
    """All calls, started together; refusals are ignored."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        start.wait(timeout=10)
        bench.attempt(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        for future in [pool.submit(run, call) for call in calls]:
            future.result()


def disarm(disarmed: Disarmed) -> None:
    disarmed.single_use()
    disarmed.replanning()


def test_two_resumers(make_bench: MakeBench, disarmed: Disarmed, guarded: bool) -> None:
    """One process, one executor: LangGraph lets both resumes of an interrupt run on."""
    bench = make_bench(careless=True)
    approval_id, executor = bench.approved(), bench.executor()
    if not guarded:
        disarm(disarmed)
    at_once(bench, lambda: executor.execute(approval_id), lambda: executor.execute(approval_id))
    assert bench.effects == (1 if guarded else 2)


def test_two_workers(make_bench: MakeBench, disarmed: Disarmed, guarded: bool) -> None:
    """Two processes, as far as the executor can tell: nothing is shared but the database and the target."""
    bench = make_bench(careless=True)
    approval_id, one, two = bench.approved(), bench.executor(), bench.executor()
    if not guarded:
        disarm(disarmed)
    at_once(bench, lambda: one.execute(approval_id), lambda: two.execute(approval_id))
    assert bench.effects == (1 if guarded else 2)


def test_parallel_calls(make_bench: MakeBench, disarmed: Disarmed, guarded: bool) -> None:
    """Four calls of a tool in one turn of the model: each a proposal of its own, one of them approved."""
    bench = make_bench(careless=True)
    approval_id = bench.approved()
    others = [bench.approvals.request(bench.proposal()).id for _ in range(3)]
    if not guarded:
        disarm(disarmed)
        disarmed.status()
        disarmed.policy()
    executor = bench.executor()
    at_once(bench, *(lambda i=i: executor.execute(i) for i in (approval_id, *others)))
    assert bench.effects == (1 if guarded else 4)
