"""The kill switch: while it is engaged nothing is approved and nothing is executed, by anybody."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from foundation.errors import Conflict, Forbidden
from foundation.frozen import Frozen
from guardrails.approvals.tables import guard_switches
from platform_core.access.principals import Principal, Role

_NAME = "kill_switch"
_READ = sa.select(guard_switches).where(guard_switches.c.name == _NAME)
_MAY_ENGAGE: frozenset[Role] = frozenset({"oncall", "approver", "admin"})
_MAY_RELEASE: frozenset[Role] = frozenset({"approver", "admin"})


class KillSwitch(Frozen):
    """True when engaged. `changed_by` is None when it was never touched."""

    engaged: bool
    changed_by: str | None = None
    reason: str | None = None
    changed_at: datetime | None = None

    def __bool__(self) -> bool:
        return self.engaged


def read_switch(connection: Connection) -> KillSwitch:
    row = connection.execute(_READ).mappings().one_or_none()
    return KillSwitch(engaged=False) if row is None else KillSwitch(**{k: v for k, v in row.items() if k != "name"})


def write_switch(connection: Connection, state: KillSwitch) -> None:
    values = state.model_dump()
    updated = connection.execute(sa.update(guard_switches).where(guard_switches.c.name == _NAME).values(**values))
    if updated.rowcount == 0:
        connection.execute(sa.insert(guard_switches).values(name=_NAME, **values))


def require_released(connection: Connection) -> None:
    """Raises Conflict while the switch is engaged."""
    refuse_engaged(read_switch(connection))


def refuse_engaged(switch: KillSwitch) -> None:
    """Raises Conflict when it is."""
    if switch:
        raise Conflict(
            f"the kill switch is engaged by {switch.changed_by} since {switch.changed_at}: {switch.reason}",
            hint="an approver or admin releases it: vigia kill-switch off",
        )


def require_may_switch(principal: Principal, *, on: bool) -> None:
    """Anybody on call may stop everything; starting everything again takes an approver for all tenants, since it stands
    still for all of them. Raises Forbidden."""
    roles = _MAY_ENGAGE if on else _MAY_RELEASE
    if principal.kind != "human" or not principal.roles_anywhere() & roles:
        verb = "engage" if on else "release"
        raise Forbidden(f"{principal.id} may not {verb} the kill switch", hint=f"roles: {', '.join(sorted(roles))}")
    if not on and not principal.roles_in(None) & roles:
        raise Forbidden(f"{principal.id} may not release the kill switch", hint="it holds for every tenant")
