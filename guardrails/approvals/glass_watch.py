"""Broken glass does not go unseen: people are told when it is broken, and again and again until somebody reviewed it.

As with reminders, a step is written down with its audit entry before anybody is told, so of several workers one makes
it; it is told again until the notifier has taken it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import VigiaError
from foundation.frozen import Frozen
from foundation.telemetry.logs import get_logger
from guardrails.approvals.break_glass import BrokenGlass
from guardrails.approvals.tables import broken_glass, glass_notices
from platform_core.access.principals import Role

log = get_logger(__name__)

CHASES = (timedelta(), timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))
"""After its end, an open review is asked for; then once a day."""


class GlassNotice(Frozen):
    """`step` 0: it was broken; 1, 2, …: its review is asked for. `roles` may review it."""

    glass: BrokenGlass
    step: int
    roles: frozenset[Role]


class GlassNotifier(Protocol):
    """Where people are told. Called at least once per step; must cope with repeats. May raise VigiaError."""

    def glass_noticed(self, notice: GlassNotice) -> None: ...


def steps_due(glass: BrokenGlass, now: datetime) -> list[datetime]:
    """When each step up to now was due, the breaking first."""
    due = [glass.opened_at, *(glass.ends_at + after for after in CHASES)]
    while due[-1] + timedelta(days=1) <= now:
        due.append(due[-1] + timedelta(days=1))
    return [at for at in due if at <= now]


class GlassWatch:
    """`tick` makes the steps that are due and tells of them; without a notifier they are still made and audited."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        may_review: Callable[[], frozenset[Role]],
        notifiers: Sequence[GlassNotifier] = (),
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._may_review = may_review
        self._notifiers = tuple(notifiers)

    def tick(self) -> int:
        """How many steps were made or told."""
        now = self._clock.now()
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(broken_glass).where(broken_glass.c.reviewed_at.is_(None))).mappings()
            unreviewed = [BrokenGlass(**row) for row in rows]
        return sum(self._watch(glass, now) for glass in unreviewed)

    def _watch(self, glass: BrokenGlass, now: datetime) -> int:
        due, table = steps_due(glass, now), glass_notices.c
        with reading(self._engine) as connection:
            known = sa.select(table.step, table.told_at).where(table.glass_id == glass.id)
            told = {row.step: row.told_at for row in connection.execute(known)}
        made = sum(self._make(glass, step, at) for step, at in enumerate(due) if step not in told)
        # Whoever was away is told of the newest step, not of each that they missed.
        if due and told.get(len(due) - 1) is None:
            made += self._tell(glass, len(due) - 1, now)
        return made

    def _make(self, glass: BrokenGlass, step: int, due: datetime) -> bool:
        try:
            with transaction(self._engine) as connection:
                connection.execute(sa.insert(glass_notices).values(glass_id=glass.id, step=step, due_at=due))
                if step:
                    payload = {"step": step, "opened_by": glass.opened_by, "environment": glass.environment}
                    record = AuditRecord(
                        action="glass.chased",
                        actor="service:approvals",
                        subject=glass.id,
                        tenant=glass.tenant,
                        payload=payload,
                    )
                    self._audit.append(record, connection=connection)
        except IntegrityError:
            return False  # another worker made it
        return True

    def _tell(self, glass: BrokenGlass, step: int, now: datetime) -> bool:
        notice = GlassNotice(glass=glass, step=step, roles=self._may_review())
        try:
            for notifier in self._notifiers:
                notifier.glass_noticed(notice)
        except VigiaError as error:
            log.warning("broken glass could not be told of; tried again", glass_id=glass.id, reason=error.message)
            return False
        table = glass_notices.c
        mine = sa.update(glass_notices).where(table.glass_id == glass.id, table.step <= step, table.told_at.is_(None))
        with transaction(self._engine) as connection:
            connection.execute(mine.values(told_at=now))
        return True
