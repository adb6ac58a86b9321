"""One person breaks the glass from several places at the same moment: it is broken once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from foundation.clock import FixedClock
from foundation.errors import Conflict
from guardrails.approvals.break_glass import BreakGlass
from tests.fakes.fresh_database import KINDS, DatabaseKind, fresh_database
from tests.fakes.guarded import BOB, Guard, person

AT_ONCE = 4


@pytest.mark.parametrize("database", KINDS)
def test_the_glass_is_broken_once(database: DatabaseKind, tmp_path: Path, clock: FixedClock) -> None:
    with fresh_database(database, tmp_path) as engine:
        guard = Guard(engine, clock)
        glass = BreakGlass(engine, clock, guard.log, guard.policy)
        for _ in range(3):
            together, outcomes = threading.Barrier(AT_ONCE), list[str]()

            def run(together: threading.Barrier = together, outcomes: list[str] = outcomes) -> None:
                together.wait()
                try:
                    outcomes.append(glass.open(BOB, environment="production", tenant="br", minutes=9, reason="x").id)
                except Conflict as refused:
                    outcomes.append(refused.message)

            threads = [threading.Thread(target=run) for _ in range(AT_ONCE)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            (opened,) = [outcome for outcome in outcomes if outcome.startswith("brk")]
            assert sum("nobody has reviewed it" in outcome for outcome in outcomes) == AT_ONCE - 1, outcomes
            assert len(glass.all(unreviewed=True)) == 1
            glass.review(opened, person("zoe", "approver"), "fine")
