"""Budgets as the settings say, over the database that all processes share."""

from __future__ import annotations

from guardrails.budgets.ledger import BudgetLedger
from guardrails.budgets.port import LedgerBudget
from guardrails.budgets.telling import told
from guardrails.budgets.types import BudgetLimits, Limits, Spender
from interfaces.bootstrap.foundations import Foundations
from interfaces.settings import Settings


def budget_limits(settings: Settings) -> BudgetLimits:
    given = settings.budgets
    return BudgetLimits(
        incident=Limits(
            tokens=given.incident_tokens,
            microdollars=round(given.incident_usd * 1_000_000),
            tool_calls=given.incident_tool_calls,
            actions=given.incident_actions,
            wall_ms=given.incident_wall_seconds * 1000,
        ),
        day=Limits(
            tokens=given.day_tokens,
            microdollars=round(given.day_usd * 1_000_000),
            tool_calls=given.day_tool_calls,
            actions=given.day_actions,
        ),
        tenant=Limits(
            tokens=given.tenant_tokens,
            microdollars=round(given.tenant_usd * 1_000_000),
            tool_calls=given.tenant_tool_calls,
            actions=given.tenant_actions,
        ),
    )


def make_ledger(base: Foundations) -> BudgetLedger:
    return BudgetLedger(base.engine, base.clock, budget_limits(base.settings))


def make_budget(base: Foundations) -> LedgerBudget:
    return LedgerBudget(make_ledger(base))


class BudgetNotes:
    """What the card says of an incident's budget."""

    def __init__(self, base: Foundations) -> None:
        self._ledger = make_ledger(base)

    def __call__(self, incident_id: str, tenant: str | None) -> str | None:
        return told(self._ledger.of_spender(Spender(incident_id, tenant)))
