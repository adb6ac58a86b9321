"""Online features: of a service for one scoring request, or of anything for many entities on somebody's behalf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from foundation.clock import Clock
from foundation.errors import Forbidden, InvalidInput, NotFound, TooLarge, VigiaError
from platform_core.access.principals import Principal
from platform_core.access.tenancy import TenantGuard
from platform_core.catalog.specs import Catalog
from platform_core.features.entity_columns import EntityColumns, EntityRows, checked_keys
from platform_core.features.keys import entity_key
from platform_core.features.online.batch import RowBatch, ValueStatus
from platform_core.features.online.metrics import OnlineReadMetrics
from platform_core.features.online.port import OnlineStore
from platform_core.features.online_response import EventTimes, OnlineResponse, ReadTimes
from platform_core.features.read_plan import PlannedView, ReadPlan, ReadPlans

MAX_ROWS = 5_000
MAX_VALUES = 500_000
_PRESENT: tuple[ValueStatus] = ("present",)


@dataclass(frozen=True, slots=True)
class OnlineFeatures:
    """`values` by `view__feature`, in the service's order; `degraded` names those whose row is missing or expired.

    A value may be None without being degraded: null is a value.
    """

    values: Mapping[str, float | None]
    degraded: list[str]


class OnlineRetriever:
    """One read round trip for all views that are asked for. Raises Unavailable when the store does not answer.

    `guard` is asked before `get_online_features` reads; without one that call is refused to everybody. `features` is
    the inference server's own way, for the tenant of its endpoint.
    """

    def __init__(
        self,
        catalog: Catalog,
        online: OnlineStore,
        clock: Clock,
        *,
        guard: TenantGuard | None = None,
        metrics: OnlineReadMetrics | None = None,
    ) -> None:
        self._online = online
        self._clock = clock
        self._guard = guard
        self._tenants = frozenset(s.tenant for s in catalog.sources)
        self._plans = ReadPlans(catalog)
        self.metrics = metrics or OnlineReadMetrics(catalog)

    @property
    def embedded(self) -> bool:
        """Whether the store waits for nobody now: a small read is over sooner than a thread is woken."""
        return self._online.embedded

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
            plan = self._plans.find(features, full_names=full_feature_names)
            self._check_tenant(tenant)
            response = self._read_one(plan, entity_rows, tenant)
            if response is None:
                response = self._read(plan, EntityColumns(entity_rows), tenant)
        except VigiaError as error:
            self.metrics.refused.labels(error.code).inc()
            raise
        self.metrics.observe(plan, perf_counter() - started)
        return response

    def _read_one(self, plan: ReadPlan, rows: EntityRows, tenant: str) -> OnlineResponse | None:
        """A single row, which is what is asked most, where its keys are text and all its values are present. None where
        anything has to be said about it: `_read` says it."""
        if plan.keyed is None or type(rows) is not list or len(rows) != 1:
            return None
        row: object = rows[0]
        if type(row) is not dict:
            return None
        entities: dict[str, Sequence[object]] = {}
        wanted: list[tuple[str, Sequence[str]]] = []
        for view, name in plan.keyed:
            key: object = row.get(name)
            if type(key) is not str:
                return None
            entities[name] = [key]
            wanted.append((view, (key,)))
        batches = self._online.read_views(tenant, wanted, now=self._clock.now(), ttls=plan.ttls)
        if plan.in_order:
            values = batches[0].first(plan.views[0].features)
            if values is None:
                return self._columns(plan, tenant, entities, batches)
        else:
            parts = [batch.first(view.features) for view, batch in zip(plan.views, batches, strict=True)]
            if None in parts:
                return self._columns(plan, tenant, entities, batches)
            values = [parts[column.view][column.place] for column in plan.columns]  # type: ignore[index]
        names, present = plan.dtypes, list(_PRESENT)
        return OnlineResponse(
            tenant=tenant,
            entities=entities,
            dtypes=names,
            values={name: [value] for name, value in zip(names, values, strict=True)},
            statuses=dict.fromkeys(names, present),
            times=_Times(plan, batches),
        )

    def _read(self, plan: ReadPlan, rows: EntityColumns, tenant: str) -> OnlineResponse:
        _check_size(rows.count, len(plan.columns))
        entities: dict[str, Sequence[object]] = {}
        keys: dict[tuple[str, ...], Sequence[str]] = {}
        wanted: list[tuple[str, Sequence[str]]] = []
        for view in plan.views:
            if view.join_keys not in keys:
                columns = [_column(rows, view, name) for name in view.join_keys]
                keys[view.join_keys] = checked_keys(columns, view.join_keys)
                entities.update(zip(view.join_keys, columns, strict=True))
            wanted.append((view.name, keys[view.join_keys]))
        batches = self._online.read_views(tenant, wanted, now=self._clock.now(), ttls=plan.ttls)
        return self._columns(plan, tenant, entities, batches)

    def _columns(
        self, plan: ReadPlan, tenant: str, entities: Mapping[str, Sequence[object]], batches: Sequence[RowBatch]
    ) -> OnlineResponse:
        read = [batch.columns(view.features) for view, batch in zip(plan.views, batches, strict=True)]
        values = [read[column.view].values[column.place] for column in plan.columns]
        statuses = [read[column.view].statuses[column.place] for column in plan.columns]
        return OnlineResponse(
            tenant=tenant,
            entities=entities,
            dtypes=plan.dtypes,
            values=dict(zip(plan.dtypes, values, strict=True)),
            statuses=dict(zip(plan.dtypes, statuses, strict=True)),
            times=_Times(plan, batches),
        )

    def _authorize(self, principal: Principal, tenant: str, features: str | Sequence[str]) -> None:
        asked = features if isinstance(features, str) else ", ".join(features)
        if self._guard is None:
            raise Forbidden("nobody may read features here", hint="this process was started without an audit log")
        self._guard.require(principal, tenant, {"features": asked[:1000]})

    def _check_tenant(self, tenant: str) -> None:
        if tenant not in self._tenants:
            raise NotFound(f"no tenant {tenant!r}", hint=f"tenants: {', '.join(sorted(self._tenants))}")


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
