"""Online features: of a service for one scoring request, or of anything for many entities on somebody's behalf."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from foundation.clock import Clock
from foundation.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unavailable, VigiaError
from platform_core.access.principals import Principal
from platform_core.access.tenancy import TenantGuard
from platform_core.catalog.specs import Catalog
from platform_core.features.entity_columns import EntityColumns, EntityRows, checked_keys
from platform_core.features.keys import entity_key
from platform_core.features.online.batch import RowBatch, ValueStatus
from platform_core.features.online.metrics import OnlineReadMetrics
from platform_core.features.online.port import AskedStore, OnlineStore
from platform_core.features.online_response import EventTimes, OnlineResponse, ReadTimes
from platform_core.features.read_plan import PlannedView, ReadPlan, ReadPlans
from platform_core.features.references import named
from platform_core.features.values import FeatureValue

MAX_ROWS = 5_000
MAX_VALUES = 500_000
AT_ONCE = 5_000
"""Values that an event loop handles itself: a fraction of a millisecond. More go to a thread."""


@dataclass(frozen=True, slots=True)
class OnlineFeatures:
    """`values` by `view__feature`, in the service's order; `degraded` names those whose row is missing or expired.

    A value may be None without being degraded: null is a value.
    """

    values: Mapping[str, float | None]
    degraded: list[str]


_Wanted = list[tuple[str, Sequence[str]]]
_Entities = Mapping[str, Sequence[object]]


class OnlineRetriever:
    """One read round trip for all views that are asked for. Raises Unavailable when the store does not answer.

    `guard` is asked before `get_online_features` reads; without one that call is refused to everybody. `features` is
    the inference server's own way, for the tenant of its endpoint. `asked`: the same store for an event loop.
    """

    def __init__(
        self,
        catalog: Catalog,
        online: OnlineStore,
        clock: Clock,
        *,
        guard: TenantGuard | None = None,
        metrics: OnlineReadMetrics | None = None,
        asked: AskedStore | None = None,
    ) -> None:
        self._online = online
        self._asked = asked
        self._clock = clock
        self._guard = guard
        self._tenants = frozenset(s.tenant for s in catalog.sources)
        self._plans = ReadPlans(catalog)
        self.metrics = metrics or OnlineReadMetrics(catalog)

    @property
    def embedded(self) -> bool:
        """Whether the store waits for nobody now: a small read is over sooner than a thread is woken."""
        return self._online.embedded

    def close(self) -> None:
        """Let go of what was opened for an event loop, on that loop."""
        if self._asked is not None:
            self._asked.close()

    def features(self, service: str, tenant: str, entities: dict[str, str]) -> OnlineFeatures:
        """`entities`: entity name -> key, for every entity of the service's views; others are ignored. An entity of
        several join keys is given by each of them.

        Raises NotFound for an unknown service or tenant, InvalidInput for an entity that is missing.
        """
        started = perf_counter()
        plan = self._plans.find(service)
        self._check_tenant(tenant)
        try:
            keys = [(view.name, _one_key(view, entities)) for view in plan.views]
        except KeyError as error:
            needed = ", ".join(dict.fromkeys(view.entity for view in plan.views))
            raise InvalidInput(f"no key for entity {error.args[0]!r}", hint=f"{service} needs {needed}") from None
        rows = self._online.read(tenant, keys, now=self._clock.now(), ttls=plan.ttls)
        values: dict[str, float | None] = {}
        degraded: list[str] = []
        for column in plan.columns:
            row = rows[column.view]
            feature = plan.views[column.view].features[column.place]
            if row.status == "present" and feature in row.values:
                values[column.name] = row.values[feature]  # type: ignore[assignment]  # a model reads numbers
            else:
                values[column.name] = None
                degraded.append(column.name)
        self.metrics.observe(plan, perf_counter() - started)
        return OnlineFeatures(values, degraded)

    def get_online_features(
        self,
        features: str | Sequence[str],
        entity_rows: EntityRows,
        tenant: str,
        principal: Principal,
        *,
        full_feature_names: bool = True,
    ) -> OnlineResponse:
        """Values of a service or of `view:feature` references for many entities, with their status and event time.

        `entity_rows` bring the join keys of every view; the name of an entity may stand for its only join key.
        Raises Forbidden (audited) for a tenant that the grant of `principal` does not cover, NotFound for what is
        unknown, InvalidInput naming the row and column of a key that cannot be used, TooLarge beyond the limits.
        """
        started = perf_counter()
        try:
            self._authorize(principal, tenant, features)
            plan, entities, wanted = self._question(features, entity_rows, full_feature_names)
            batches = self._online.read_views(tenant, wanted, now=self._clock.now(), ttls=plan.ttls)
            response = _answer(plan, tenant, entities, batches)
        except VigiaError as error:
            self.metrics.refused.labels(error.code).inc()
            raise
        self.metrics.observe(plan, perf_counter() - started)
        return response

    @property
    def on_the_loop(self) -> bool:
        """Whether an event loop can ask for features (`ask_online_features`)."""
        return self._asked is not None

    async def ask_online_features(
        self,
        features: str | Sequence[str],
        entity_rows: EntityRows,
        tenant: str,
        principal: Principal,
        *,
        full_feature_names: bool = True,
    ) -> OnlineResponse:
        """`get_online_features` for an event loop, which goes on meanwhile; only where it is `on_the_loop`."""
        started = perf_counter()
        try:
            if principal.may_act_for(tenant):
                self._authorize(principal, tenant, features)
            else:  # a refusal is written to the audit log, which takes its time
                await asyncio.to_thread(self._authorize, principal, tenant, features)
            if self._asked is None:
                raise Unavailable("this online store can only be waited for", hint="ask in a thread")
            plan, entities, wanted = self._question(features, entity_rows, full_feature_names)
            batches = await self._asked.ask_views(tenant, wanted, now=self._clock.now(), ttls=plan.ttls)
            if len(plan.columns) * len(batches[0]) > AT_ONCE:
                response = await asyncio.to_thread(_answer, plan, tenant, entities, batches)
            else:
                response = _answer(plan, tenant, entities, batches)
        except VigiaError as error:
            self.metrics.refused.labels(error.code).inc()
            raise
        self.metrics.observe(plan, perf_counter() - started)
        return response

    def _question(
        self, features: str | Sequence[str], rows: EntityRows, full_names: bool
    ) -> tuple[ReadPlan, _Entities, _Wanted]:
        """What is to be read. Raises NotFound for what is unknown, InvalidInput and TooLarge for rows."""
        plan = self._plans.find(features, full_names=full_names)
        entities: dict[str, Sequence[object]] = {}
        wanted: _Wanted = []
        if plan.keyed is not None and type(rows) is list and len(rows) == 1 and type(row := rows[0]) is dict:
            # What is asked most: a single row whose keys are text.
            for view, name in plan.keyed:
                key: object = row.get(name)
                if type(key) is not str or not key.isascii():
                    break
                entities[name] = [key]
                wanted.append((view, (key,)))
            else:
                return plan, entities, wanted
            entities, wanted = {}, []
        columns = EntityColumns(rows)
        _check_size(columns.count, len(plan.columns))
        keys: dict[tuple[str, ...], Sequence[str]] = {}
        for view in plan.views:
            if view.join_keys not in keys:
                parts = [_column(columns, view, name) for name in view.join_keys]
                keys[view.join_keys] = checked_keys(parts, view.join_keys)
                entities.update(zip(view.join_keys, parts, strict=True))
            wanted.append((view.name, keys[view.join_keys]))
        return plan, entities, wanted

    def _authorize(self, principal: Principal, tenant: str, features: str | Sequence[str]) -> None:
        asked = features if isinstance(features, str) else ", ".join(named(features))
        if not isinstance(tenant, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInput(f"the tenant is {tenant!r}", hint="name one")
        if self._guard is None:
            raise Forbidden("nobody may read features here", hint="this process was started without an audit log")
        self._guard.require(principal, tenant, {"features": asked[:1000]})
        if tenant not in self._tenants:
            raise unknown_tenant(tenant, self._tenants, principal)

    def _check_tenant(self, tenant: str) -> None:
        if tenant not in self._tenants:
            raise NotFound(f"no tenant {tenant!r}", hint=f"tenants: {', '.join(sorted(self._tenants))}")


def unknown_tenant(tenant: str, known: Iterable[str], principal: Principal) -> NotFound:
    """Names those of the `known` that `principal` may see."""
    seen = ", ".join(sorted(filter(principal.may_act_for, known)))
    hint = f"tenants: {seen}" if seen else "no source of the catalog is of a tenant that you may see"
    return NotFound(f"no tenant {tenant!r}", hint=hint)


def _answer(plan: ReadPlan, tenant: str, entities: _Entities, batches: Sequence[RowBatch]) -> OnlineResponse:
    names = plan.dtypes
    values: Mapping[str, list[FeatureValue]]
    statuses: Mapping[str, list[ValueStatus]]
    whole = _whole(plan, batches) if len(batches[0]) == 1 else None
    if whole is not None:
        present: list[ValueStatus] = ["present"]
        values = {name: [value] for name, value in zip(names, whole, strict=True)}
        statuses = dict.fromkeys(names, present)
    else:
        read = [batch.columns(view.features) for view, batch in zip(plan.views, batches, strict=True)]
        values = {column.name: read[column.view].values[column.place] for column in plan.columns}
        statuses = {column.name: read[column.view].statuses[column.place] for column in plan.columns}
    return OnlineResponse(tenant, entities, names, values, statuses, _Times(plan, batches))


def _whole(plan: ReadPlan, batches: Sequence[RowBatch]) -> Sequence[FeatureValue] | None:
    """The values of a single row where all of them are present; None where anything has to be said about one."""
    if plan.in_order:
        return batches[0].first(plan.views[0].features)
    parts = [batch.first(view.features) for view, batch in zip(plan.views, batches, strict=True)]
    if None in parts:
        return None
    return [parts[column.view][column.place] for column in plan.columns]  # type: ignore[index]


class _Times(ReadTimes):
    """Made of the rows when somebody asks."""

    __slots__ = ("_batches", "_plan")

    def __init__(self, plan: ReadPlan, batches: Sequence[RowBatch]) -> None:
        self._plan = plan
        self._batches = batches

    def __call__(self) -> EventTimes:
        return {view.name: batch.event_times() for view, batch in zip(self._plan.views, self._batches, strict=True)}

    def for_json(self) -> Mapping[str, Any]:
        return {
            view.name: batch.event_times() if (plain := batch.plain_times()) is None else plain
            for view, batch in zip(self._plan.views, self._batches, strict=True)
        }


def _one_key(view: PlannedView, entities: Mapping[str, str]) -> str:
    """Raises KeyError with the name of the entity."""
    key = entities.get(view.entity)
    if key is not None:
        return key
    try:
        return entity_key([entities[name] for name in view.join_keys])
    except KeyError:
        raise KeyError(view.entity) from None


def _column(rows: EntityColumns, view: PlannedView, name: str) -> Sequence[object]:
    if len(view.join_keys) == 1:
        names = rows.names()
        if name not in names and view.entity in names:
            name = view.entity
    return rows.column(name, f"entity {view.entity!r}")


def _check_size(rows: int, features: int) -> None:
    if rows > MAX_ROWS:
        hint = f"ask for at most {MAX_ROWS} at once, or read many by get_historical_features"
        raise TooLarge(f"{rows} entity rows in one request", hint=hint)
    if rows * features > MAX_VALUES:
        most = MAX_VALUES // features
        raise TooLarge(
            f"{rows} rows of {features} features in one request", hint=f"ask for at most {most} rows at once"
        )
