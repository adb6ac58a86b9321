"""Spending, durable and atomic: one conditional UPDATE per scope, all of them or none.

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
from guardrails.budgets.types import (
    RESOURCES,
    Amount,
    BudgetExceeded,
    BudgetLimits,
    Limits,
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
                if not self._add(connection, _ADD, scope, amount):
                    self._ensure(connection, scope)
                    self._add(connection, _ADD, scope, amount)

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
        for scope in self.scopes(spender):
            limits = self._limits.of(scope.kind)
            if self._add(connection, _TAKE, scope, amount, **_bounds(limits)):
                continue
            # No row yet, or not enough left: the row is made once, and asked again.
            self._ensure(connection, scope)
            if not self._add(connection, _TAKE, scope, amount, **_bounds(limits)):
                raise _exceeded(scope, _read(connection, scope, self._limits), amount)

    def _ensure(self, connection: Connection, scope: Scope) -> None:
        insert = _ENSURE[connection.dialect.name]
        row = {"scope": scope.kind, "key": scope.key, "exceeded": "[]", "updated_at": self._clock.now()}
        connection.execute(insert, row | dict.fromkeys(RESOURCES, 0))

    def _add(self, connection: Connection, statement: sa.Update, scope: Scope, amount: Amount, **bounds: int) -> bool:
        """Whether there was such a row, within its bounds."""
        amounts = {f"add_{name}": getattr(amount, name) for name in RESOURCES}
        where = {"of_scope": scope.kind, "of_key": scope.key, "at": self._clock.now()}
        return connection.execute(statement, where | amounts | bounds).rowcount == 1


_UNBOUNDED = 2**62


def _adding() -> sa.Update:
    # Never below zero: giving back more than was taken would be money out of nothing.
    sums = {name: _ROW[name] + sa.bindparam(f"add_{name}", type_=sa.BigInteger) for name in RESOURCES}
    values = {name: sa.case((total < 0, 0), else_=total) for name, total in sums.items()}
    row = _ROW.scope == sa.bindparam("of_scope"), _ROW.key == sa.bindparam("of_key")
    return sa.update(budget_spend).where(*row).values(**values, updated_at=sa.bindparam("at"))


def _within() -> list[sa.ColumnElement[bool]]:
    """What is asked for fits; and of wall time, which is only known afterwards, something must be left."""
    conditions: list[sa.ColumnElement[bool]] = [_ROW.wall_ms < sa.bindparam("most_wall_ms", type_=sa.BigInteger)]
    for name in RESOURCES:
        wanted = sa.bindparam(f"add_{name}", type_=sa.BigInteger)
        most = sa.bindparam(f"most_{name}", type_=sa.BigInteger)
        conditions.append(sa.or_(wanted <= 0, _ROW[name] + wanted <= most))
    return conditions


# Built once: composing these anew costs more than running them, and a claim runs three of them.
_ADD = _adding()
_TAKE = _adding().where(*_within())
_ENSURE: dict[str, sa.Insert] = {
    "postgresql": postgresql.insert(budget_spend).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(budget_spend).on_conflict_do_nothing(),
}


def _bounds(limits: Limits) -> dict[str, int]:
    given = {name: getattr(limits, name) for name in RESOURCES}
    return {f"most_{name}": _UNBOUNDED if limit is None else limit for name, limit in given.items()}


def _is(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return _ROW.scope == scope.kind, _ROW.key == scope.key


def _exceeded(scope: Scope, spend: Spend, amount: Amount) -> BudgetExceeded:
    for name in RESOURCES:
        limit, wanted = getattr(spend.limits, name), getattr(amount, name)
        if limit is not None and wanted > 0 and getattr(spend.spent, name) + wanted > limit:
            return BudgetExceeded(scope, name, limit)
    return BudgetExceeded(scope, "wall_ms", spend.limits.wall_ms or 0)


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
