"""Operations over HTTP: what changed, what ran, what it used and cost. Each caller sees what they were granted.

    GET  /v1/timeline?since=&until=&kind=&subject=&limit=   [ChangeEvent, …], newest first
    POST /v1/timeline                                       OutsideChange -> ChangeEvent, for what happened elsewhere
    GET  /v1/jobs?since=&status=&job=&limit=                [JobRun, …], newest first
    GET  /v1/usage?by=&since=                               [UsageTotal, …], the dearest first

What belongs to no tenant is seen by those who may act for all of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Protocol

from fastapi import APIRouter, Query

from foundation.clock import Clock
from foundation.errors import InvalidInput
from interfaces.http.access import Caller
from interfaces.http.errors import answers
from platform_core.access.principals import Principal
from platform_core.operations.costing import Charge, Grouping, UsageTotal, totals
from platform_core.operations.desk import ChangeDesk, OutsideChange
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.timeline import ChangeEvent, ChangeKind, JobRun, JobStatus

Limit = Annotated[int, Query(ge=1, le=1000)]


class Records(Protocol):
    """`interfaces.bootstrap.operations.OperationsRecords`."""

    clock: Clock
    operations: SqlOperations

    def charges(self, since: datetime, until: datetime) -> list[Charge]: ...


def operations_routes(records: Records, desk: ChangeDesk) -> APIRouter:
    """The application must have `install_access` and `install_error_handlers`."""
    router = APIRouter(prefix="/v1", tags=["operations"])
    clock, operations = records.clock, records.operations

    @router.get("/timeline", responses=answers(401, 422))
    def timeline(  # noqa: PLR0917 - one per parameter of the query
        who: Caller,
        since: datetime | None = None,
        until: datetime | None = None,
        kind: Annotated[list[ChangeKind] | None, Query()] = None,
        subject: Annotated[str | None, Query(max_length=160)] = None,
        limit: Limit = 200,
    ) -> list[ChangeEvent]:
        """What somebody changed, newest first; of the last two hours when `since` is not given."""
        start, end = _span(clock, since, until, timedelta(hours=2))
        return operations.timeline(start, end, kinds=kind, subject=subject, tenants=_tenants(who), limit=limit)

    @router.post("/timeline", status_code=201, responses=answers(401, 403, 409, 422))
    def tell(change: OutsideChange, who: Caller) -> ChangeEvent:
        """Say that something was changed elsewhere: a pipeline deployed, a campaign began. With an `id` of your own,
        telling twice is telling once."""
        return desk.record(who, change)

    @router.get("/jobs", responses=answers(401, 422))
    def jobs(
        who: Caller,
        since: datetime | None = None,
        status: JobStatus | None = None,
        job: Annotated[str | None, Query(max_length=160)] = None,
        limit: Limit = 200,
    ) -> list[JobRun]:
        """What ran, newest first; of the last day when `since` is not given."""
        start, end = _span(clock, since, None, timedelta(days=1))
        return operations.runs(start, end, status=status, job=job, tenants=_tenants(who), limit=limit)

    @router.get("/usage", responses=answers(401, 422))
    def usage(who: Caller, by: Grouping = "tenant", since: datetime | None = None) -> list[UsageTotal]:
        """What was used and what it costs, the dearest first; of the last seven days when `since` is not given."""
        start, end = _span(clock, since, None, timedelta(days=7))
        mine = _tenants(who)
        return totals((c for c in records.charges(start, end) if mine is None or c.tenant in mine), by)

    return router


def _tenants(who: Principal) -> frozenset[str] | None:
    """None: all of them, and what belongs to none."""
    return None if who.may_act_for(None) else who.tenants_with()


def _span(clock: Clock, since: datetime | None, until: datetime | None, usual: timedelta) -> tuple[datetime, datetime]:
    end = until or clock.now()
    start = since or end - usual
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidInput("a time needs its zone", hint="e.g. 2026-11-22T10:00:00Z")
    return start, end
