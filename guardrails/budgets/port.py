"""What spends asks before it spends. Who it spends for is in the context of the work, not in its arguments."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from guardrails.budgets.ledger import BudgetLedger
from guardrails.budgets.types import Amount, BudgetExceeded, Spender

_NOBODY = Spender()
_spender: ContextVar[Spender] = ContextVar("vigia_spender", default=_NOBODY)


@contextmanager
def spending_for(incident_id: str | None, tenant: str | None) -> Generator[None]:
    """What is spent inside is spent for this incident and tenant, in this thread and those that copy its context."""
    token = _spender.set(Spender(incident_id, tenant))
    try:
        yield
    finally:
        _spender.reset(token)


class Budget(Protocol):
    def reserve(self, amount: Amount, *, essential: bool = False) -> None:
        """Raises BudgetExceeded, unless it is `essential` (verifying an action that was done): that is counted and
        never refused. Raises Unavailable when it cannot be counted."""
        ...

    def settle(self, amount: Amount) -> None:
        """What was spent beyond the reservation, or is given back."""
        ...


class Unlimited:
    """For tools and tests that spend nothing of anybody's."""

    def reserve(self, amount: Amount, *, essential: bool = False) -> None:
        del amount, essential

    def settle(self, amount: Amount) -> None:
        del amount


class LedgerBudget:
    """The ledger, for whoever the context says."""

    def __init__(self, ledger: BudgetLedger) -> None:
        self._ledger = ledger

    def reserve(self, amount: Amount, *, essential: bool = False) -> None:
        try:
            self._ledger.reserve(_spender.get(), amount)
        except BudgetExceeded:
            if not essential:
                raise
            self._ledger.settle(_spender.get(), amount)

    def settle(self, amount: Amount) -> None:
        self._ledger.settle(_spender.get(), amount)
