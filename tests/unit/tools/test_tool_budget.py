"""Tools behind a budget: the first calls run, the others say that they did not, and verification always runs."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from guardrails.budgets.ledger import BudgetLedger
from guardrails.budgets.port import Budget, LedgerBudget, spending_for
from guardrails.budgets.telling import told
from guardrails.budgets.types import Amount, BudgetLimits, Limits, Scope, Spender
from tests.fakes.observed_platform import ObservedPlatform, observed_platform
from tools.registry import observe_tools
from tools.runner import ToolCall, ToolRunner

CALL = ToolCall(tool="connector_status", arguments={"source": "payments_br"})
_PLATFORM: list[ObservedPlatform] = []


def platform() -> ObservedPlatform:
    if not _PLATFORM:
        _PLATFORM.append(observed_platform())
    return _PLATFORM[0]


def runner(budget: Budget) -> ToolRunner:
    return ToolRunner(platform().view, observe_tools(), budget=budget)


def ledger(engine: Engine, clock: FixedClock, calls: int) -> BudgetLedger:
    return BudgetLedger(engine, clock, BudgetLimits(incident=Limits(tool_calls=calls)))


def test_what_the_budget_covers_runs_and_the_rest_says_that_it_did_not(engine: Engine, clock: FixedClock) -> None:
    books = ledger(engine, clock, 3)
    with spending_for("inc_1", "br"):
        runs = runner(LedgerBudget(books)).run_all([CALL] * 5)
    assert [run.observation.status for run in runs] == ["success"] * 3 + ["error"] * 2
    assert "was not run: the budget of incident inc_1 is spent" in runs[4].observation.summary
    spend = books.spent(Scope("incident", "inc_1"))
    assert (spend.spent.tool_calls, spend.exceeded) == (3, ("tool_calls",))
    assert spend.spent.wall_ms >= 0
    note = told(books.of_spender(Spender("inc_1", "br")))
    assert note is not None
    assert note.startswith("budget spent: tool calls of the incident; what was left over was finished by rules")


def test_verification_runs_whatever_was_spent(engine: Engine, clock: FixedClock) -> None:
    books = ledger(engine, clock, 0)
    with spending_for("inc_1", "br"):
        run = runner(LedgerBudget(books)).run(CALL.tool, CALL.arguments, essential=True)
    assert run.observation.status == "success"
    assert books.spent(Scope("incident", "inc_1")).spent.tool_calls == 1


def test_a_budget_that_cannot_be_read_is_not_ignored() -> None:
    class Down(Budget):
        def reserve(self, amount: Amount, *, essential: bool = False) -> None:
            raise Unavailable("the database is locked")

        def settle(self, amount: Amount) -> None:
            raise Unavailable("the database is locked")

    run = runner(Down()).run(CALL.tool, CALL.arguments)
    assert run.observation.status == "error"
    assert "the budget cannot be read: the database is locked" in run.observation.summary


def test_nothing_is_said_where_nothing_ran_out(engine: Engine, clock: FixedClock) -> None:
    books = ledger(engine, clock, 3)
    assert told(books.of_spender(Spender("inc_1", "br"))) is None
