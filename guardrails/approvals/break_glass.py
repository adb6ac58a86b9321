"""Breaking the glass: in an emergency a freeze is lifted and one approval is enough, for minutes, with a reason.

A person still decides about every single action; a denial, a blast-radius limit and the kill switch still hold. Each
use leaves a review that somebody else has to close: whoever has one open cannot break the glass again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from foundation.frozen import Frozen
from foundation.ids import new_id
from foundation.reasons import reason_for
from guardrails import locks
from guardrails.approvals.tables import broken_glass
from guardrails.policy.policy import PolicySource
from platform_core.access.principals import Environment, Principal


class BrokenGlass(Frozen):
    """`tenant` None: every tenant. `reviewed_by` None: the review is still open."""

    id: str
    opened_by: str
    reason: str
    environment: Environment
    tenant: str | None
    opened_at: datetime
    ends_at: datetime
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    review: str | None = None


class BreakGlass:
    def __init__(self, engine: Engine, clock: Clock, audit: AuditLog, policy: PolicySource) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._policy = policy

    def open(
        self, principal: Principal, *, environment: Environment, tenant: str | None, minutes: int, reason: str
    ) -> BrokenGlass:
        """Raises Forbidden for who may not, InvalidInput without a reason or for too long, Conflict while a review of
        theirs is open."""
        rules = self._policy.current().document.break_glass
        if principal.kind != "human" or not principal.roles_anywhere() & rules.roles:
            raise Forbidden(f"{principal.id} may not break the glass", hint=f"roles: {', '.join(sorted(rules.roles))}")
        if not principal.roles_in(tenant, environment) & rules.roles:
            raise Forbidden(f"{principal.id} may not act for tenant {tenant or '* (all of them)'}")
        reason = reason_for("breaking the glass", reason)
        if not 1 <= minutes <= rules.max_minutes:
            raise InvalidInput(f"the glass may be broken for 1 to {rules.max_minutes} minutes, not {minutes}")
        now = self._clock.now()
        glass = BrokenGlass(
            id=new_id("brk"),
            opened_by=principal.id,
            reason=reason,
            environment=environment,
            tenant=tenant,
            opened_at=now,
            ends_at=now + timedelta(minutes=minutes),
        )
        table = broken_glass.c
        # Also one that still holds: else somebody could keep it broken for ever, half an hour at a time.
        mine = sa.select(table.id).where(table.opened_by == principal.id, table.reviewed_at.is_(None))
        try:
            with transaction(self._engine) as connection:
                unreviewed = connection.scalars(mine).first()
                if unreviewed is not None:
                    raise _unreviewed(principal, unreviewed)
                connection.execute(sa.insert(broken_glass).values(**glass.model_dump()))
                self._audit.append(_record("glass.broken", principal.id, glass), connection=connection)
        except IntegrityError as error:  # at the same moment, elsewhere
            raise _unreviewed(principal, "ID") from error
        return glass

    def review(self, glass_id: str, principal: Principal, note: str) -> BrokenGlass:
        """Close the review: by a person with one of the roles who may act for its tenant, not by whoever broke it; this
        also ends it at once.

        Raises NotFound, Forbidden, InvalidInput without a note, Conflict when it was reviewed.
        """
        rules = self._policy.current().document.break_glass
        note = reason_for("a review", note)
        now, table = self._clock.now(), broken_glass.c
        with transaction(self._engine) as connection:
            locks.taking_away(connection)
            glass = _get(connection, glass_id)
            held = principal.roles_anywhere()
            if principal.kind != "human" or not held & rules.roles or principal.id == glass.opened_by:
                raise Forbidden(f"{principal.id} may not review {glass_id}", hint="an approver who did not open it may")
            if not principal.roles_in(glass.tenant, glass.environment) & rules.roles:
                raise Forbidden(f"{principal.id} may not act for tenant {glass.tenant or '* (all of them)'}")
            update = sa.update(broken_glass).where(table.id == glass_id, table.reviewed_at.is_(None))
            values = {
                "reviewed_by": principal.id,
                "reviewed_at": now,
                "review": note,
                "ends_at": min(now, glass.ends_at),
            }
            if connection.execute(update.values(**values)).rowcount != 1:
                raise Conflict(f"{glass_id} was reviewed by {glass.reviewed_by}")
            reviewed = _get(connection, glass_id)
            self._audit.append(_record("glass.reviewed", principal.id, reviewed), connection=connection)
            return reviewed

    def all(self, *, unreviewed: bool = False) -> list[BrokenGlass]:
        """Newest first."""
        query = sa.select(broken_glass).order_by(broken_glass.c.opened_at.desc())
        if unreviewed:
            query = query.where(broken_glass.c.reviewed_at.is_(None))
        with reading(self._engine) as connection:
            return [BrokenGlass(**row) for row in connection.execute(query).mappings()]

    def holding(self, environment: Environment, tenant: str | None) -> tuple[BrokenGlass, ...]:
        """What covers this now, oldest first."""
        query = _covering(environment, tenant, self._clock.now())
        with reading(self._engine) as connection:
            return tuple(BrokenGlass(**row) for row in connection.execute(query).mappings())


def active(connection: Connection, environment: Environment, tenant: str | None, at: datetime) -> str | None:
    """Id of the broken glass that covers this now. One for a single tenant does not cover what belongs to none."""
    return connection.scalars(_covering(environment, tenant, at).with_only_columns(broken_glass.c.id)).first()


def _covering(environment: Environment, tenant: str | None, at: datetime) -> sa.Select[Any]:
    table = broken_glass.c
    covers = table.tenant.is_(None) if tenant is None else sa.or_(table.tenant.is_(None), table.tenant == tenant)
    query = sa.select(broken_glass).where(
        table.environment == environment, covers, table.opened_at <= at, table.ends_at > at
    )
    return query.order_by(table.opened_at)


def _get(connection: Connection, glass_id: str) -> BrokenGlass:
    row = connection.execute(sa.select(broken_glass).where(broken_glass.c.id == glass_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no glass was broken under {glass_id!r}")
    return BrokenGlass(**row)


def _unreviewed(principal: Principal, glass_id: str) -> Conflict:
    return Conflict(
        f"{principal.id} broke the glass before and nobody has reviewed it",
        hint=f"somebody else closes it: vigia break-glass review {glass_id}",
    )


def _record(action: str, actor: str, glass: BrokenGlass) -> AuditRecord:
    payload = glass.model_dump(mode="json", include={"environment", "reason", "opened_by", "ends_at", "review"})
    return AuditRecord(action=action, actor=actor, subject=glass.id, tenant=glass.tenant, payload=payload)
