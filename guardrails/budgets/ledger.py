"""Spending, durable and atomic: in every scope it belongs to, or in none.

A reservation is taken before the money is spent and corrected afterwards, so that two callers at once cannot both have
the last of it, and a process that dies in between has spent rather than not.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from foundation.clock import Clock
from foundation.database import reading, transaction
from guardrails.budgets.tables import budget_spend
from guardrails.budgets.taking import take
from guardrails.budgets.types import (
    RESOURCES,
    Amount,
    BudgetExceeded,
    BudgetLimits,
    Resource,
    Scope,
    Spend,
    Spender,
)

_ROW = budget_spend.c


class BudgetLedger:
    def __init__(self, engine: Engine, clock: Clock, limits: BudgetLimits) -> None:
        self._engine = engine
        self._clock = clock
        self._limits = limits

    def reserve(self, spender: Spender, amount: Amount, *, connection: Connection | None = None) -> None:
        """Spend `amount` for `spender` in every scope it belongs to, or nothing. Raises BudgetExceeded, Unavailable.

        With `connection` it joins that transaction, which must then not be committed when this raises.
        """
        try:
            if connection is not None:
                self._take(connection, spender, amount)
                return
            with transaction(self._engine) as own:
                self._take(own, spender, amount)
        except BudgetExceeded as exceeded:
            if connection is None:
                self.note(exceeded)
            raise

    def settle(self, spender: Spender, amount: Amount) -> None:
        """Add what was spent beyond the reservation; a negative amount gives back. Nothing is refused here."""
        with transaction(self._engine) as connection:
            for scope in self.scopes(spender):
                if not self._add(connection, scope, amount):
                    self._ensure(connection, scope)
                    self._add(connection, scope, amount)

    def note(self, exceeded: BudgetExceeded) -> None:
        """Remember that something was refused, so that the card can say so."""
        with transaction(self._engine) as connection:
            self._ensure(connection, exceeded.scope)
            known = _read(connection, exceeded.scope, self._limits).exceeded
            if exceeded.resource not in known:
                update = sa.update(budget_spend).where(*_is(exceeded.scope))
                connection.execute(update.values(exceeded=json.dumps([*known, exceeded.resource])))

    def spent(self, scope: Scope) -> Spend:
        with reading(self._engine) as connection:
            return _read(connection, scope, self._limits)

    def of_spender(self, spender: Spender) -> list[Spend]:
        return [self.spent(scope) for scope in self.scopes(spender)]

    def newest(self, limit: int = 50) -> list[Spend]:
        """The scopes in which something was spent last."""
        query = sa.select(budget_spend).order_by(_ROW.updated_at.desc(), _ROW.scope, _ROW.key).limit(limit)
        with reading(self._engine) as connection:
            return [_spend(row, self._limits) for row in connection.execute(query)]

    def scopes(self, spender: Spender) -> list[Scope]:
        """Always in this order, so that two spenders never wait for each other's rows crosswise."""
        today = self._clock.now().date().isoformat()
        found = [Scope("day", today)]
        if spender.incident_id is not None:
            found.insert(0, Scope("incident", spender.incident_id))
        if spender.tenant is not None:
            found.append(Scope("tenant", f"{spender.tenant}/{today}"))
        return found

    def _take(self, connection: Connection, spender: Spender, amount: Amount) -> None:
        scopes = self.scopes(spender)
        taken = take(connection, scopes, amount, self._limits, self._clock.now())
        if len(taken) == len(scopes):
            return
        for scope in scopes:
            if scope.kind not in taken:
                spend = _read(connection, scope, self._limits)
                lacking = _lacking(spend, amount)
                if lacking is not None:
                    raise BudgetExceeded(scope, lacking, getattr(spend.limits, lacking) or 0)
        raise RuntimeError(f"{amount} was refused for {spender} and there is room for it")

    def _ensure(self, connection: Connection, scope: Scope) -> None:
        insert = _ENSURE[connection.dialect.name]
        row = {"scope": scope.kind, "key": scope.key, "exceeded": "[]", "updated_at": self._clock.now()}
        connection.execute(insert, row | dict.fromkeys(RESOURCES, 0))

    def _add(self, connection: Connection, scope: Scope, amount: Amount) -> bool:
        """Whether there was such a row."""
        amounts = {f"add_{name}": getattr(amount, name) for name in RESOURCES}
        where = {"of_scope": scope.kind, "of_key": scope.key, "at": self._clock.now()}
        return connection.execute(_ADD, where | amounts).rowcount == 1


def _adding() -> sa.Update:
    # Never below zero: giving back more than was taken would be money out of nothing.
    sums = {name: _ROW[name] + sa.bindparam(f"add_{name}", type_=sa.BigInteger) for name in RESOURCES}
    values = {name: sa.case((total < 0, 0), else_=total) for name, total in sums.items()}
    row = _ROW.scope == sa.bindparam("of_scope"), _ROW.key == sa.bindparam("of_key")
    return sa.update(budget_spend).where(*row).values(**values, updated_at=sa.bindparam("at"))


# Built once: composing these anew costs more than running them.
_ADD = _adding()
_ENSURE: dict[str, sa.Insert] = {
    "postgresql": postgresql.insert(budget_spend).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(budget_spend).on_conflict_do_nothing(),
}


def _is(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return _ROW.scope == scope.kind, _ROW.key == scope.key


def _lacking(spend: Spend, amount: Amount) -> Resource | None:
    """Of what there is not enough left for `amount`; None when there is."""
    for name in RESOURCES:
        limit, wanted = getattr(spend.limits, name), getattr(amount, name)
        if limit is not None and wanted > 0 and getattr(spend.spent, name) + wanted > limit:
            return name
    wall = spend.limits.wall_ms
    return "wall_ms" if wall is not None and spend.spent.wall_ms >= wall else None


def _read(connection: Connection, scope: Scope, limits: BudgetLimits) -> Spend:
    row = connection.execute(sa.select(budget_spend).where(*_is(scope))).one_or_none()
    if row is None:
        return Spend(scope=scope.kind, key=scope.key, spent=Amount(), limits=limits.of(scope.kind))
    return _spend(row, limits)


def _spend(row: sa.Row[tuple[object, ...]], limits: BudgetLimits) -> Spend:
    values = dict(zip(budget_spend.c.keys(), row, strict=True))
    kind: str = str(values["scope"])
    exceeded: list[Resource] = json.loads(str(values["exceeded"]))
    return Spend.model_validate(
        {
            "scope": kind,
            "key": values["key"],
            "spent": {name: min(int(str(values[name])), 10**12) for name in RESOURCES},
            "limits": getattr(limits, kind),
            "exceeded": tuple(exceeded),
        }
    )
