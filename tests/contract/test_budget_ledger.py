"""Budgets on both databases: never more than the limit, whoever spends at once, and what a crash leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from foundation.clock import FixedClock
from guardrails.budgets.ledger import BudgetLedger
from guardrails.budgets.port import LedgerBudget, spending_for
from guardrails.budgets.types import Amount, BudgetExceeded, BudgetLimits, Limits, Scope, Spender
from tests.fakes.fresh_database import KINDS, fresh_database

LIMITS = BudgetLimits(
    incident=Limits(tokens=100, tool_calls=5, wall_ms=1000),
    day=Limits(tokens=1000, tool_calls=12, actions=2),
    tenant=Limits(tokens=150, microdollars=500),
)
ONE = Spender("inc_1", "br")


@pytest.fixture(params=KINDS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[BudgetLedger]:
    with fresh_database(request.param, tmp_path) as engine:
        yield BudgetLedger(engine, clock, LIMITS)


def incident(ledger: BudgetLedger, key: str = "inc_1") -> Amount:
    return ledger.spent(Scope("incident", key)).spent


def test_what_is_reserved_counts_in_every_scope(ledger: BudgetLedger) -> None:
    ledger.reserve(ONE, Amount(tokens=40, tool_calls=2))
    ledger.settle(ONE, Amount(tokens=-10, wall_ms=7))
    spends = ledger.of_spender(ONE)
    assert [(s.scope, s.key) for s in spends] == [
        ("incident", "inc_1"),
        ("day", "2026-11-19"),
        ("tenant", "br/2026-11-19"),
    ]
    assert {s.spent for s in spends} == {Amount(tokens=30, tool_calls=2, wall_ms=7)}


@pytest.mark.parametrize(
    ("spender", "amount", "scope", "resource"),
    [
        (ONE, Amount(tokens=101), "incident", "tokens"),
        (Spender("inc_2", "br"), Amount(microdollars=501), "tenant", "microdollars"),
        (Spender(), Amount(tool_calls=13), "day", "tool_calls"),
        (Spender("inc_3", None), Amount(actions=3), "day", "actions"),
    ],
)
def test_beyond_a_limit_nothing_is_spent_anywhere(
    ledger: BudgetLedger, spender: Spender, amount: Amount, scope: str, resource: str
) -> None:
    with pytest.raises(BudgetExceeded) as refused:
        ledger.reserve(spender, amount)
    assert (refused.value.scope.kind, refused.value.resource) == (scope, resource)
    spends = ledger.of_spender(spender)
    assert {s.spent for s in spends} == {Amount()}
    assert {s.scope: s.exceeded for s in spends if s.exceeded} == {scope: (resource,)}


def test_two_incidents_of_a_tenant_share_its_budget_and_a_new_day_begins_anew(
    ledger: BudgetLedger, clock: FixedClock
) -> None:
    ledger.reserve(ONE, Amount(tokens=100))
    with pytest.raises(BudgetExceeded, match="tenant br"):
        ledger.reserve(Spender("inc_2", "br"), Amount(tokens=51))
    ledger.reserve(Spender("inc_2", "ar"), Amount(tokens=51))
    clock.advance(timedelta(days=1))
    ledger.reserve(Spender("inc_2", "br"), Amount(tokens=49))
    with pytest.raises(BudgetExceeded, match="incident inc_1"):
        ledger.reserve(ONE, Amount(tokens=1))


def test_wall_time_is_known_afterwards_and_refuses_what_comes_next(ledger: BudgetLedger) -> None:
    ledger.reserve(ONE, Amount(tool_calls=1))
    ledger.settle(ONE, Amount(wall_ms=1500))
    with pytest.raises(BudgetExceeded, match="wall_ms"):
        ledger.reserve(ONE, Amount(tool_calls=1))


def test_giving_back_more_than_was_taken_makes_no_money(ledger: BudgetLedger) -> None:
    ledger.reserve(ONE, Amount(tokens=10))
    ledger.settle(ONE, Amount(tokens=-90))
    assert incident(ledger).tokens == 0


def test_who_spends_at_once_never_spends_more_than_there_is(ledger: BudgetLedger) -> None:
    def spend(number: int) -> bool:
        try:
            ledger.reserve(Spender(f"inc_{number}", "br"), Amount(tool_calls=1))
        except BudgetExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        spent = sum(pool.map(spend, range(24)))
    assert spent == 12
    assert ledger.spent(Scope("day", "2026-11-19")).spent.tool_calls == 12


def test_the_context_says_for_whom_and_essential_is_counted_but_not_refused(ledger: BudgetLedger) -> None:
    budget = LedgerBudget(ledger)
    with spending_for("inc_9", "br"):
        budget.reserve(Amount(tool_calls=5))
        with pytest.raises(BudgetExceeded):
            budget.reserve(Amount(tool_calls=1))
        budget.reserve(Amount(tool_calls=1), essential=True)
    assert incident(ledger, "inc_9").tool_calls == 6
    budget.reserve(Amount(tool_calls=1))
    assert incident(ledger, "inc_9").tool_calls == 6
