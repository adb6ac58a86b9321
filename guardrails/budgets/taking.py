"""Taking an amount out of several scopes in one statement.

A row that is not there yet begins with the amount; a row that is there is added to where that stays within its limits;
which of them it was the database says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy.engine import Connection

from foundation.driver_sql import DriverSql
from guardrails.budgets.types import RESOURCES, Amount, BudgetLimits, Limits, Resource, Scope, ScopeKind

_UNBOUNDED = 2**62
_KINDS = ("incident", "day", "tenant")


def take(
    connection: Connection, scopes: Sequence[Scope], amount: Amount, limits: BudgetLimits, at: datetime
) -> set[ScopeKind]:
    """Spend `amount` in every one of `scopes`, whose rows are locked in that order; those in which it was spent.

    When that is not all of them the transaction must not be committed.
    """
    amounts: dict[Resource, int] = {name: getattr(amount, name) for name in RESOURCES}
    wanted: dict[Resource, int] = {name: value for name, value in amounts.items() if value}
    if not all(_may_begin(wanted, limits.of(scope.kind)) for scope in scopes):
        return set()
    bounded: tuple[Resource, ...] = tuple(name for name, value in wanted.items() if value > 0)
    begins = [max(0, value) for value in amounts.values()]
    values: list[Any] = []
    for scope in scopes:
        values += [scope.kind, scope.key, *begins, at]
    values += [*wanted.values(), at, *_most(limits, "wall_ms")]
    for name in bounded:
        values += [wanted[name], *_most(limits, name)]
    return set(_statement(len(scopes), tuple(wanted), bounded)(connection, *values).scalars())


def _may_begin(wanted: dict[Resource, int], limits: Limits) -> bool:
    """Whether a row that nothing was spent in yet may begin with this: of wall time, which is only known afterwards,
    something must be left."""
    if limits.wall_ms == 0:
        return False
    bounds = ((value, getattr(limits, name)) for name, value in wanted.items())
    return all(value <= 0 or limit is None or value <= limit for value, limit in bounds)


def _most(limits: BudgetLimits, name: Resource) -> list[int]:
    """For each kind of scope."""
    given = [getattr(getattr(limits, kind), name) for kind in _KINDS]
    return [_UNBOUNDED if limit is None else limit for limit in given]


@cache
def _statement(scopes: int, wanted: tuple[Resource, ...], bounded: tuple[Resource, ...]) -> DriverSql:
    row = f"({', '.join('?' * (2 + len(RESOURCES)))}, '[]', ?)"
    most = "CASE spent.scope WHEN 'incident' THEN ? WHEN 'day' THEN ? ELSE ? END"
    sums = [f"{name} = {{greatest}}(0, spent.{name} + ?)" for name in wanted]
    within = [f"spent.wall_ms < {most}", *(f"spent.{name} + ? <= {most}" for name in bounded)]
    sql = (
        f"INSERT INTO budget_spend AS spent (scope, key, {', '.join(RESOURCES)}, exceeded, updated_at) "  # noqa: S608
        f"VALUES {', '.join([row] * scopes)} ON CONFLICT (scope, key) "
        f"DO UPDATE SET {', '.join([*sums, 'updated_at = ?'])} WHERE {' AND '.join(within)} RETURNING scope"
    )  # of names in this code only
    return DriverSql(sql.format(greatest="max"), postgresql=sql.format(greatest="greatest"))
