"""What materializes: the writing side of the feature store, for the command line and for whoever schedules it."""

from __future__ import annotations

from dataclasses import dataclass

from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.platform import (
    ReadOnlyResources,
    catalog_in_force,
    feature_tables,
    online_store,
    platform_view,
)
from interfaces.settings import Settings
from platform_core.catalog.specs import Catalog
from platform_core.features.estimate import Estimator, Prices
from platform_core.features.materialization import Materializer
from platform_core.features.online.port import OnlineStore
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.view import PlatformView


@dataclass(frozen=True)
class Materialization:
    catalog: Catalog
    materializer: Materializer
    estimator: Estimator
    operations: SqlOperations
    view: PlatformView


def open_materialization(settings: Settings, prices: Prices | None = None) -> Materialization:
    """Raises Unavailable, InvalidInput for a catalog that does not read."""
    return make_materialization(open_foundations(settings), prices)


def make_materialization(
    base: Foundations,
    prices: Prices | None = None,
    *,
    holder: str = "vigia features",
    online: OnlineStore | None = None,
) -> Materialization:
    """`holder`: what others are told who holds a view. `online`: a store that is open already."""
    from platform_core.features.leases import SqlLeases
    from platform_core.features.progress import SqlProgress
    from platform_core.features.ranges import SqlRanges
    from platform_core.operations.sql_resources import SqlResources

    catalog = catalog_in_force(base)
    offline = feature_tables(base.settings, catalog)
    resources = ReadOnlyResources(SqlResources(base.engine, base.clock, base.audit))
    operations = SqlOperations(base.engine)
    leases = SqlLeases(base.engine, holder=holder)
    materializer = Materializer(
        catalog,
        offline,
        online or online_store(base.settings),
        resources,
        operations,
        base.clock,
        SqlProgress(base.engine, base.clock, guard=leases.guard),
        ranges=SqlRanges(base.engine, base.clock, guard=leases.guard),
        leases=leases,
        unfinished=operations.unfinished,
    )
    estimator = Estimator(catalog, offline, resources, operations, base.clock, prices=prices)
    return Materialization(catalog, materializer, estimator, operations, platform_view(base, online))
