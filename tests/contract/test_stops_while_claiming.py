"""A stop that was acknowledged holds for every claim and decision that had not written yet, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.clock import FixedClock
from foundation.errors import VigiaError
from guardrails.approvals.break_glass import BreakGlass
from guardrails.approvals.delegation import Delegations
from guardrails.policy.adoption import PolicyRecorder
from tests.fakes.fresh_database import KINDS, DatabaseKind, fresh_database
from tests.fakes.guarded import ALICE, BOB, Guard, person, proposal


def _kill_switch(guard: Guard) -> Callable[[], object]:
    return lambda: guard.approvals.set_kill_switch(True, BOB, "stop")


def _delegation(guard: Guard) -> Callable[[], object]:
    desk = Delegations(guard.engine, guard.clock, guard.log, guard.who_is)
    made = desk.delegate(ALICE, "human:carl", lasts=timedelta(hours=1), reason="away")
    return lambda: desk.revoke(made.id, ALICE)


def _glass(guard: Guard) -> Callable[[], object]:
    glass = BreakGlass(guard.engine, guard.clock, guard.log, guard.policy)
    opened = glass.open(BOB, environment="production", tenant="br", minutes=15, reason="night")
    return lambda: glass.review(opened.id, person("zoe", "approver"), "right")


def _policy(guard: Guard) -> Callable[[], object]:
    recorder = PolicyRecorder(guard.engine, guard.clock, guard.log, actor="service:worker")
    return lambda: recorder.adopted(guard.policy, Path("policy.yaml"))


class Stopping:
    """Stops in another thread, begun where it is called; `early` says whether it was acknowledged before going on."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=stop)
        self.early: bool | None = None

    def begin(self) -> None:
        if self.early is None:
            self._thread.start()
            self._thread.join(0.4)
            self.early = not self._thread.is_alive()

    def end(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("stop", [_kill_switch, _delegation, _glass, _policy])
@pytest.mark.parametrize("database", KINDS)
def test_a_claim_that_has_looked_is_over_before_the_stop_is_acknowledged(
    database: DatabaseKind, stop: Any, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    import guardrails.executor.store as rows

    real = rows.claim
    with fresh_database(database, tmp_path) as engine:
        guard = Guard(engine, clock)
        stopping = Stopping(stop(guard))
        approved = guard.approved()

        def slow(connection: Any, execution: Any) -> bool:
            stopping.begin()
            return real(connection, execution)

        monkeypatch.setattr(rows, "claim", slow)
        guard.executor().execute(approved)
        stopping.end()
        assert stopping.early is False, "it would run although the stop was acknowledged"


@pytest.mark.parametrize("database", KINDS)
def test_a_decision_that_has_looked_is_over_before_the_switch_is_engaged(
    database: DatabaseKind, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    import guardrails.approvals.store as rows

    real = rows.require_untouched
    with fresh_database(database, tmp_path) as engine:
        guard = Guard(engine, clock)
        stopping = Stopping(_kill_switch(guard))

        def slow(connection: Any, request: Any) -> None:
            stopping.begin()
            real(connection, request)

        monkeypatch.setattr(rows, "require_untouched", slow)
        request = guard.approvals.request(proposal(clock))
        guard.approvals.decide(request.id, ALICE, "approve", channel="cli")
        stopping.end()
        assert stopping.early is False
        with pytest.raises(VigiaError, match="kill switch"):
            guard.executor().execute(request.id)
        assert guard.target.effects == 0
