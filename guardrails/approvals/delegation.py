"""Somebody who may decide hands their right to a colleague for a while. The right stays one voice, whoever uses it."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from foundation.frozen import Frozen
from foundation.ids import new_id
from foundation.reasons import reason_for
from guardrails import locks
from guardrails.approvals.people import People
from guardrails.approvals.tables import delegations
from platform_core.access.principals import Principal, Role

LONGEST = timedelta(days=14)
_MAY_DELEGATE: frozenset[Role] = frozenset({"oncall", "approver", "admin"})


class Delegation(Frozen):
    """`tenant` None: every tenant that the delegator may act for. It gives what the delegator may do at that moment,
    never more, and cannot be handed on."""

    id: str
    delegator: str
    delegate: str
    tenant: str | None
    reason: str
    created_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None


class Delegations:
    def __init__(self, engine: Engine, clock: Clock, audit: AuditLog, people: People) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._people = people

    def delegate(
        self, principal: Principal, to: str, *, lasts: timedelta, reason: str, tenant: str | None = None
    ) -> Delegation:
        """Raises Forbidden for who has nothing to hand on, NotFound for an unknown delegate, InvalidInput."""
        if principal.kind != "human" or not principal.roles_anywhere() & _MAY_DELEGATE:
            raise Forbidden(f"{principal.id} has no decisions to delegate", hint="oncall, approver or admin may")
        if tenant is not None and not principal.roles_in(tenant) & _MAY_DELEGATE:
            raise Forbidden(f"{principal.id} may not act for tenant {tenant}, so neither may a delegate")
        colleague = self._people(to)
        if colleague.kind != "human" or colleague.id == principal.id:
            raise InvalidInput(f"{to} cannot be a delegate of {principal.id}", hint="name another person")
        reason = reason_for("a delegation", reason)
        if not timedelta(0) < lasts <= LONGEST:
            raise InvalidInput("a delegation has an end within 14 days")
        now = self._clock.now()
        made = Delegation(
            id=new_id("dlg"),
            delegator=principal.id,
            delegate=colleague.id,
            tenant=tenant,
            reason=reason,
            created_at=now,
            ends_at=now + lasts,
        )
        with transaction(self._engine) as connection:
            connection.execute(sa.insert(delegations).values(**made.model_dump()))
            self._audit.append(_record("delegation.made", principal.id, made), connection=connection)
        return made

    def revoke(self, delegation_id: str, principal: Principal) -> None:
        """By either side, or an admin. Raises NotFound, Forbidden, Conflict when it is over already."""
        table = delegations.c
        with transaction(self._engine) as connection:
            locks.taking_away(connection)
            row = connection.execute(sa.select(delegations).where(table.id == delegation_id)).mappings().one_or_none()
            if row is None:
                raise NotFound(f"there is no delegation {delegation_id!r}")
            known = Delegation(**row)
            theirs = principal.id in (known.delegator, known.delegate)
            if not theirs and "admin" not in principal.roles_in(known.tenant):
                raise Forbidden(f"{principal.id} has no part in {delegation_id}")
            update = sa.update(delegations).where(table.id == delegation_id, table.revoked_at.is_(None))
            if connection.execute(update.values(revoked_at=self._clock.now())).rowcount != 1:
                raise Conflict(f"{delegation_id} was revoked already")
            self._audit.append(_record("delegation.revoked", principal.id, known), connection=connection)

    def all(self) -> list[Delegation]:
        """Newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(delegations).order_by(delegations.c.created_at.desc())).mappings()
            return [Delegation(**row) for row in rows]


def in_force(connection: Connection, delegate: str, at: datetime) -> list[Delegation]:
    """Delegations to `delegate` that hold at `at`, oldest first."""
    table = delegations.c
    query = sa.select(delegations).where(
        table.delegate == delegate, table.created_at <= at, table.ends_at > at, table.revoked_at.is_(None)
    )
    return [Delegation(**row) for row in connection.execute(query.order_by(table.created_at)).mappings()]


def _record(action: str, actor: str, made: Delegation) -> AuditRecord:
    payload = made.model_dump(mode="json", include={"delegator", "delegate", "ends_at", "reason"})
    return AuditRecord(action=action, actor=actor, subject=made.id, tenant=made.tenant, payload=payload)
