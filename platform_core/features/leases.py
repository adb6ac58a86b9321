"""Who may materialize a view for a tenant, or train a model: one holder at a time, over threads, processes, machines.

A lease is a row with an expiry, so that a holder that died does not lock anybody out; a live holder renews it. On one
machine a holder whose process is certainly gone is succeeded at once. The token of a grant is checked in the same
transaction that saves progress (`guard`): a holder that was paused past its expiry and succeeded by another can write
feature rows (harmless: the newest wins), but never move the progress of its successor, also when that one is done.

`stream` and `backfill` of one (view, tenant) are different leases on purpose, see ADR 17.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError

from foundation.clock import Clock, SystemClock
from foundation.database import transaction
from foundation.errors import Conflict, Unavailable
from foundation.ids import new_id
from platform_core.features.process_identity import certainly_gone, this_process
from platform_core.features.tables import materialization_leases as t

_log = logging.getLogger(__name__)

Work = Literal["stream", "backfill", "training"]
"""`training` is of a model in the view's place, and of what is trained in the tenant's."""

_Key = tuple[str, str, Work]


class LeaseHeld(Conflict):
    """Somebody else is at this (view, tenant); the message says who, and until when at least."""


class Leases(Protocol):
    def hold(self, view: str, tenant: str, work: Work) -> bool:
        """Take or renew. True when it is newly ours: whatever was known from before must be read again.

        Raises LeaseHeld.
        """
        ...

    def renew(self, view: str, tenant: str, work: Work) -> bool:
        """Whether it is still ours, and has been all the time; never takes it."""
        ...

    def release(self, view: str, tenant: str, work: Work) -> None:
        """Give back what we hold; anything else is left alone."""
        ...


class NoLeases:
    """For one process that is alone with its stores: tests, one-off exports."""

    def hold(self, view: str, tenant: str, work: Work) -> bool:
        return False

    def renew(self, view: str, tenant: str, work: Work) -> bool:
        return True

    def release(self, view: str, tenant: str, work: Work) -> None: ...


class SqlLeases:
    """In the table `materialization_leases`. `holder` is what the others are told; `seconds` on the wall.

    Machines that share the database need clocks that agree to much less than `seconds`.
    """

    def __init__(
        self, engine: Engine, *, holder: str = "materialization", seconds: float = 30.0, wall: Clock | None = None
    ) -> None:
        self._engine = engine
        self._term = timedelta(seconds=seconds)
        self._wall = wall or SystemClock()
        self._process = this_process()
        self._holder = f"{holder} ({self._process.said})"[:200]
        self._token = new_id("lease")
        self._mine: dict[_Key, datetime] = {}

    def hold(self, view: str, tenant: str, work: Work) -> bool:
        key: _Key = (view, tenant, work)
        now = self._wall.now()
        until = self._mine.get(key)
        if until is not None and until - now > self._term * 2 / 3:
            return False
        with transaction(self._engine) as connection:
            renewed = self._update(connection, key, self._token, now)
            if not renewed:
                self._take(connection, key, now)
        self._mine[key] = now + self._term
        return not renewed

    def renew(self, view: str, tenant: str, work: Work) -> bool:
        key: _Key = (view, tenant, work)
        now = self._wall.now()
        until = self._mine.get(key)
        if until is None or until - now > self._term * 2 / 3:
            return until is not None
        with transaction(self._engine) as connection:
            renewed = self._update(connection, key, self._token, now)
        if renewed:
            self._mine[key] = now + self._term
        else:
            self._mine.pop(key, None)
        return renewed

    def release(self, view: str, tenant: str, work: Work) -> None:
        key: _Key = (view, tenant, work)
        if self._mine.pop(key, None) is not None:
            with transaction(self._engine) as connection:
                connection.execute(sa.delete(t).where(_is(key), t.c.token == self._token))

    def guard(self, connection: Connection, view: str, tenant: str, work: Work = "stream") -> None:
        """Raises LeaseHeld unless the lease is ours; in the transaction of what depends on it. One that is not there
        was lost as well: a successor had it, and gave it back."""
        key: _Key = (view, tenant, work)
        row = connection.execute(sa.select(t).where(_is(key)).with_for_update()).one_or_none()
        if row is None or row.token != self._token:
            self._mine.pop(key, None)
            raise _lost(view, tenant, work) if row is None else _held(key, row)

    def _take(self, connection: Connection, key: _Key, now: datetime) -> None:
        row = connection.execute(sa.select(t).where(_is(key))).one_or_none()
        if row is None:
            view, tenant, work = key
            try:
                with connection.begin_nested():
                    connection.execute(
                        sa.insert(t).values(view=view, tenant=tenant, work=work, token=self._token, **self._grant(now))
                    )
            except IntegrityError:
                row = connection.execute(sa.select(t).where(_is(key))).one()
                raise _held(key, row) from None
            return
        free = row.expires_at <= now or certainly_gone(row.process)
        if not free or not self._update(connection, key, row.token, now):
            raise _held(key, row)

    def _update(self, connection: Connection, key: _Key, token: str, now: datetime) -> bool:
        changed = sa.update(t).where(_is(key), t.c.token == token).values(token=self._token, **self._grant(now))
        return connection.execute(changed).rowcount == 1

    def _grant(self, now: datetime) -> dict[str, object]:
        return {"holder": self._holder, "process": self._process.identity, "expires_at": now + self._term}


def _is(key: _Key) -> sa.ColumnElement[bool]:
    view, tenant, work = key
    return sa.and_(t.c.view == view, t.c.tenant == tenant, t.c.work == work)


def _held(key: _Key, row: Row[tuple[object, ...]]) -> LeaseHeld:
    view, tenant, work = key
    return LeaseHeld(
        f"the {work} of {view} for {tenant} is held by {row.holder}, until {row.expires_at:%Y-%m-%d %H:%M:%S} UTC",
        hint="wait for it to end; a holder that died is succeeded when its lease runs out",
    )


def _lost(view: str, tenant: str, work: Work) -> LeaseHeld:
    return LeaseHeld(
        f"the {work} of {view} for {tenant} is not ours any more: its lease ran out before it was renewed",
        hint="run it again" + ("" if work == "training" else ": it goes on from where its successor is"),
    )


@contextmanager
def kept(leases: Leases, view: str, tenant: str, work: Work, *, every_s: float = 8.0) -> Generator[Callable[[], None]]:
    """Hold the lease for as long as the block takes, renewed by a thread. Raises LeaseHeld.

    The block is handed a check that raises LeaseHeld once the lease was lost, to be asked after each piece of work:
    what is known from before is stale then. What it does in between and must not, `guard` refuses.
    """
    leases.hold(view, tenant, work)
    over = threading.Event()

    def still_ours() -> None:
        if not leases.renew(view, tenant, work):
            raise _lost(view, tenant, work)

    def renew() -> None:
        while not over.wait(every_s):
            try:
                still_ours()
            except LeaseHeld as lost:
                _log.warning("%s", lost)
                return
            except Unavailable as error:
                _log.warning("the %s lease of %s for %s was not renewed: %s", work, view, tenant, error)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield still_ours
    finally:
        over.set()
        thread.join()
        leases.release(view, tenant, work)
