"""Features for scoring, out of the online store: a service is resolved once, a request then only fills in keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from foundation.clock import Clock
from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Catalog
from platform_core.features.online.batch import RowBatch
from platform_core.features.online.metrics import OnlineReadMetrics
from platform_core.features.online.port import AskedStore, OnlineStore
from platform_core.features.read_plan import ReadPlan, ReadPlans
from platform_core.features.values import FeatureValue
from platform_core.serving.ports import FeatureReader, FeatureRows, FeatureSource, Keys

NUMERIC = ("float64", "int64", "bool")
"""What a model's column can be made of."""


class StoreFeatures(FeatureSource):
    """Readers over `online`, and over `asked` for an event loop. Safe to share between threads."""

    def __init__(
        self,
        catalog: Catalog,
        online: OnlineStore,
        clock: Clock,
        *,
        asked: AskedStore | None = None,
        metrics: OnlineReadMetrics | None = None,
    ) -> None:
        self._catalog = catalog
        self._plans = ReadPlans(catalog)
        self._tenants = frozenset(source.tenant for source in catalog.sources)
        self._online = online
        self._asked = asked
        self._clock = clock
        self._readers: dict[tuple[str, str], StoreReader] = {}
        self.metrics = metrics or OnlineReadMetrics(catalog)

    def close(self) -> None:
        if self._asked is not None:
            self._asked.close()

    def reader(self, service: str, tenant: str) -> FeatureReader:
        found = self._readers.get((service, tenant))
        if found is None:
            if tenant not in self._tenants:
                raise NotFound(f"no tenant {tenant!r}", hint=f"tenants: {', '.join(sorted(self._tenants))}")
            if not self._catalog.feature_service(service).features:
                return NOTHING
            plan = self._plans.find(service)
            for column in plan.columns:
                if column.dtype not in NUMERIC:
                    raise InvalidInput(
                        f"{service} has {column.name}, a {column.dtype}", hint=f"a model reads {', '.join(NUMERIC)}"
                    )
            found = StoreReader(
                plan, tenant, online=self._online, asked=self._asked, clock=self._clock, metrics=self.metrics
            )
            self._readers[service, tenant] = found
        return found


class _Nothing(FeatureReader):
    """Of a service whose inputs all come with the request."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    @property
    def ask(self) -> None:
        return None

    def read(self, rows: Sequence[Keys]) -> FeatureRows:
        return FeatureRows((), (), ())

    def observe(self, seconds: float) -> None:
        pass


NOTHING = _Nothing()


class StoreReader(FeatureReader):
    def __init__(
        self,
        plan: ReadPlan,
        tenant: str,
        *,
        online: OnlineStore,
        asked: AskedStore | None,
        clock: Clock,
        metrics: OnlineReadMetrics,
    ) -> None:
        self._plan = plan
        self._tenant = tenant
        self._online = online
        self._asked = asked
        self._clock = clock
        self._metrics = metrics
        self._columns = tuple(column.name for column in plan.columns)
        self._places = tuple((column.view, column.place) for column in plan.columns)
        self._in_order = self._places == tuple(
            (number, place) for number, view in enumerate(plan.views) for place in range(len(view.features))
        )

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    @property
    def ask(self) -> Callable[[Sequence[Keys]], Awaitable[FeatureRows]] | None:
        return None if self._asked is None else partial(self._ask, self._asked)

    def read(self, rows: Sequence[Keys]) -> FeatureRows:
        batches = self._online.read_views(self._tenant, self._wanted(rows), now=self._clock.now(), ttls=self._plan.ttls)
        return self._rows(batches)

    async def _ask(self, asked: AskedStore, rows: Sequence[Keys]) -> FeatureRows:
        now, ttls = self._clock.now(), self._plan.ttls
        return self._rows(await asked.ask_views(self._tenant, self._wanted(rows), now=now, ttls=ttls))

    def observe(self, seconds: float) -> None:
        self._metrics.observe(self._plan, seconds)

    def _wanted(self, rows: Sequence[Keys]) -> list[tuple[str, Sequence[str]]]:
        if len(rows) == 1:
            return [(view.name, (key,)) for view, key in zip(self._plan.views, rows[0], strict=True)]
        return [(view.name, keys) for view, keys in zip(self._plan.views, zip(*rows, strict=True), strict=True)]

    def _whole(self, batches: Sequence[RowBatch]) -> Sequence[FeatureValue] | None:
        """The values of a single row if there is nothing to be said about any of them."""
        firsts: list[Sequence[FeatureValue]] = []
        for view, batch in zip(self._plan.views, batches, strict=True):
            first = batch.first(view.features)
            if first is None:
                return None
            firsts.append(first)
        if self._in_order:
            return firsts[0] if len(firsts) == 1 else [value for first in firsts for value in first]
        return [firsts[view][place] for view, place in self._places]

    def _rows(self, batches: Sequence[RowBatch]) -> FeatureRows:
        if len(batches[0]) == 1:
            whole = self._whole(batches)
            if whole is not None:
                return FeatureRows((), (), whole)
        read = [batch.columns(view.features) for view, batch in zip(self._plan.views, batches, strict=True)]
        if self._in_order:
            return FeatureRows([v for c in read for v in c.values], [s for c in read for s in c.statuses])
        places = self._places
        return FeatureRows([read[v].values[p] for v, p in places], [read[v].statuses[p] for v, p in places])
