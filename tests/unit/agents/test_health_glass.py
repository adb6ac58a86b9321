"""The health report asks after broken glass that nobody has reviewed."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.engine import Engine

from agents.health.copilot import glass_check
from foundation.clock import FixedClock
from guardrails.approvals.break_glass import BreakGlass
from tests.fakes.guarded import BOB, ROOT, Guard


def test_broken_glass_wants_attention_until_it_is_reviewed(engine: Engine, clock: FixedClock) -> None:
    guard = Guard(engine, clock)
    desk = BreakGlass(engine, clock, guard.log, guard.policy)
    assert glass_check(desk.all(unreviewed=True)).status == "ok"
    opened = desk.open(BOB, environment="production", tenant="br", minutes=5, reason="payments are down")
    clock.advance(timedelta(hours=3))
    check = glass_check(desk.all(unreviewed=True))
    assert (check.status, check.figures) == ("attention", {"unreviewed": 1})
    assert opened.id in check.summary
    assert BOB.id in check.summary
    desk.review(opened.id, ROOT, "it was right")
    assert glass_check(desk.all(unreviewed=True)).status == "ok"
