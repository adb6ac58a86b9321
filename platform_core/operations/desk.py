"""Changes that others made and tell us of: a pipeline that deployed, a campaign that began, a schema that changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.canonical import digest
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, InvalidInput
from foundation.frozen import Frozen
from foundation.ids import new_id
from foundation.outside_text import OutsideText
from platform_core.access.principals import Environment, Principal, Role
from platform_core.operations.sql_timeline import find_change, insert_change
from platform_core.operations.timeline import OUTSIDE_KINDS, ChangeEvent, ChangeKind
from platform_core.urn import parse_urn

MAY_TELL: Final[frozenset[Role]] = frozenset({"caller", "responder", "oncall", "admin"})
EARLIEST, LATEST = timedelta(days=30), timedelta(minutes=5)


class OutsideChange(Frozen):
    """What a caller says. `id`: their own (a pipeline's run), so that telling twice is telling once."""

    kind: ChangeKind
    subject: str = Field(max_length=160)
    summary: str = Field(min_length=1, max_length=1000)
    tenant: str | None = Field(default=None, max_length=64)
    at: datetime | None = None
    id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.:-]{1,60}$")
    details: dict[str, Any] = Field(default_factory=dict, max_length=50)


class ChangeDesk:
    """Writes them on the timeline, in one transaction with their audit entry, redacted."""

    def __init__(
        self, engine: Engine, clock: Clock, audit: AuditLog, outside: OutsideText, *, environment: Environment
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._outside = outside
        self._environment: Environment = environment

    def record(self, who: Principal, told: OutsideChange) -> ChangeEvent:
        """Raises Forbidden, InvalidInput, and Conflict when `told.id` was used for another change."""
        self._check(who, told)
        event = ChangeEvent(
            id=f"ext_{digest([who.id, told.id])[:40]}" if told.id else new_id("chg"),
            at=told.at or self._clock.now(),
            kind=told.kind,
            subject=told.subject,
            tenant=told.tenant,
            summary=self._outside.text(told.summary, key="summary"),
            author=who.id,
            details={**self._outside.value(told.details), "outside": True},
        )
        record = AuditRecord(
            action="change.told",
            actor=who.id,
            subject=event.subject,
            tenant=event.tenant,
            payload={"change_event_id": event.id, "kind": event.kind, "at": event.at.isoformat()},
        )
        try:
            with transaction(self._engine) as connection:
                insert_change(connection, event)
                self._audit.append(record, connection=connection)
        except IntegrityError as error:
            return self._earlier(event, told, error)
        return event

    def _earlier(self, event: ChangeEvent, told: OutsideChange, error: IntegrityError) -> ChangeEvent:
        with reading(self._engine) as connection:
            known = find_change(connection, event.id)
        ignored: dict[str, Any] = {} if told.at else {"at": event.at}
        if known is None or known.model_copy(update=ignored) != event:
            raise Conflict(f"the id {told.id!r} was used for another change", hint="a fresh id per change") from error
        return known

    def _check(self, who: Principal, told: OutsideChange) -> None:
        parse_urn(told.subject)
        if told.kind not in OUTSIDE_KINDS:
            hint = f"one of {', '.join(sorted(OUTSIDE_KINDS))}; the others are written where they happen"
            raise InvalidInput(f"a change of the kind {told.kind!r} cannot be told", hint=hint)
        if not who.roles_in(told.tenant, self._environment) & MAY_TELL:
            shown = "all tenants" if told.tenant is None else f"tenant {told.tenant!r}"
            raise Forbidden(
                f"{who.id} may not tell of changes for {shown}", hint=f"one of the roles {', '.join(sorted(MAY_TELL))}"
            )
        if told.at is not None:
            if told.at.tzinfo is None:
                raise InvalidInput("`at` needs its zone", hint="e.g. 2026-11-22T10:00:00Z")
            now = self._clock.now()
            if not now - EARLIEST <= told.at <= now + LATEST:
                raise InvalidInput(f"`at` is {told.at.isoformat()}", hint="within the last 30 days, and not to come")
