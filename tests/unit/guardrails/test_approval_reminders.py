"""When nobody answers: reminders, then escalation, each once, told until somebody has taken it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from guardrails.approvals.reminders import Reminder, ReminderNotifier, Reminders
from tests.fakes.guarded import BOB, Guard, proposal

MINUTE = timedelta(minutes=1)


class Ears(ReminderNotifier):
    """Hears reminders; `deaf` as a chat that is down."""

    def __init__(self) -> None:
        self.heard: list[Reminder] = []
        self.deaf = False

    def remind(self, reminder: Reminder) -> None:
        if self.deaf:
            raise Unavailable("chat is down")
        self.heard.append(reminder)


@pytest.fixture
def guard(engine: Engine, clock: FixedClock) -> Guard:
    return Guard(engine, clock)


def reminders(guard: Guard, ears: Ears) -> Reminders:
    return Reminders(guard.engine, guard.clock, guard.log, [ears])


def test_nobody_is_disturbed_before_it_is_time(guard: Guard) -> None:
    guard.approvals.request(proposal(guard.clock))
    assert reminders(guard, Ears()).tick() == 0
    assert guard.audited() == ["approval.requested"]


def test_reminder_then_escalation_each_once(guard: Guard, clock: FixedClock) -> None:
    request = guard.approvals.request(proposal(clock))
    ears = Ears()
    for _ in range(30):
        clock.advance(MINUTE)
        reminders(guard, ears).tick()
    told = [(r.kind, r.roles, r.waited) for r in ears.heard]
    assert told == [
        ("reminder", ("oncall",), 5 * MINUTE),
        ("escalation", ("approver",), 10 * MINUTE),
        ("escalation", ("approver", "admin"), 20 * MINUTE),
    ]
    assert ears.heard[0].left == 25 * MINUTE
    assert guard.audited() == ["approval.requested", "approval.reminded", "approval.escalated", "approval.escalated"]
    assert guard.log.entries()[1].record.subject == request.id


def test_two_workers_make_a_step_once(guard: Guard, clock: FixedClock) -> None:
    guard.approvals.request(proposal(clock))
    clock.advance(6 * MINUTE)
    one, two = Ears(), Ears()
    reminders(guard, one).tick()
    reminders(guard, two).tick()
    assert (len(one.heard), len(two.heard)) == (1, 0)
    assert guard.audited().count("approval.reminded") == 1


def test_what_was_not_taken_is_told_again(guard: Guard, clock: FixedClock) -> None:
    guard.approvals.request(proposal(clock))
    clock.advance(6 * MINUTE)
    ears = Ears()
    ears.deaf = True
    reminders(guard, ears).tick()
    assert guard.audited()[-1] == "approval.reminded"
    ears.deaf = False
    reminders(guard, ears).tick()
    reminders(guard, ears).tick()
    assert [r.kind for r in ears.heard] == ["reminder"]
    assert guard.audited().count("approval.reminded") == 1


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_what_is_decided_or_over_is_left_alone(guard: Guard, clock: FixedClock, verdict: str) -> None:
    request = guard.approvals.request(proposal(clock))
    guard.approvals.decide(request.id, BOB, verdict, reason="not now", channel="cli")  # type: ignore[arg-type]
    waiting = guard.approvals.request(proposal(clock))
    clock.advance(31 * MINUTE)
    ears = Ears()
    reminders(guard, ears).tick()
    assert ears.heard == []
    assert waiting.id not in {entry.record.subject for entry in guard.log.entries()[3:]}
