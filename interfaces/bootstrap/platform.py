"""The platform as observers get it: stores opened for reading, the catalog and its lineage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import platform_core.simulation
from foundation.errors import InvalidInput, NotFound
from interfaces.bootstrap.environments import require_own_online
from interfaces.bootstrap.foundations import Foundations, make_clock
from interfaces.bootstrap.lineage import LiveLineage
from interfaces.settings import Settings
from platform_core.catalog.loading import load_catalog
from platform_core.catalog.specs import Catalog
from platform_core.catalog.store import CatalogStore
from platform_core.features.offline.port import ArrivalFeed, OfflineStore
from platform_core.features.online.port import OnlineStore
from platform_core.operations.resources import Resource, ResourceReader
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.view import PlatformView

if TYPE_CHECKING:
    from platform_core.features.online.packed_store import PackedStore
    from platform_core.features.online.redis_asked import AskedRedis

SIMULATED_CATALOG = Path(platform_core.simulation.__file__).parent / "catalog"


class ReadOnlyResources(ResourceReader):
    """The control plane without its other half: what observers and planners are given."""

    def __init__(self, resources: SqlResources) -> None:
        self._get = resources.get
        self._list = resources.list

    def get(self, urn: str) -> Resource:
        return self._get(urn)

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        return self._list(kind=kind, tenant=tenant)


def catalog_of(settings: Settings) -> Catalog:
    """The catalog in the files: those of VIGIA__CATALOG_PATH, without it the simulated company's."""
    return load_catalog(settings.catalog_path or SIMULATED_CATALOG)


def catalog_in_force(base: Foundations) -> Catalog:
    """What was applied last to this environment; the files while nothing was. A process keeps what it started with."""
    store = CatalogStore(base.engine, base.clock, base.audit, environment=base.settings.environment)
    try:
        return store.current()
    except NotFound:
        return catalog_of(base.settings)


def tenants_of(catalog: Catalog) -> frozenset[str]:
    return frozenset(source.tenant for source in catalog.sources)


def lineage_of(base: Foundations, catalog: Callable[[], Catalog]) -> LiveLineage:
    """Who feeds whom and whose it is, as it is now."""
    return LiveLineage(catalog, ReadOnlyResources(SqlResources(base.engine, base.clock, base.audit)))


def online_store(settings: Settings, catalog: Catalog | None = None) -> OnlineStore:
    """Of `catalog`, which says how the keys of a store that is not ours are made.

    Refuses rows that are from the future of the platform's clock. Raises InvalidInput for Redis or Feast without an
    address, Unavailable when DynamoDB's table can be neither found nor made, Conflict for another environment's store.
    """
    store, variable = _opened(settings, catalog)
    require_own_online(settings, store, variable)
    return store


def _opened(settings: Settings, catalog: Catalog | None) -> tuple[PackedStore, str]:
    """The store, and the setting that says where it is."""
    online, clock = settings.online, make_clock(settings)
    if online.kind == "feast":
        from platform_core.attached.feast.online import FeastOnlineStore

        if online.url is None:
            raise InvalidInput("the online store is Feast's without a repository", hint="set VIGIA__ONLINE__URL")
        views = () if catalog is None else catalog.feature_views
        join_keys = {} if catalog is None else {v.name: catalog.entity(v.entity).join_keys for v in views}
        return FeastOnlineStore(Path(online.url), tenant=online.tenant, join_keys=join_keys), "VIGIA__ONLINE__URL"
    if online.kind == "redis":
        from platform_core.features.online.redis import RedisOnlineStore

        if online.url is None:
            raise InvalidInput("the online store is Redis without an address", hint="set VIGIA__ONLINE__URL")
        return RedisOnlineStore(online.url, clock=clock), "VIGIA__ONLINE__URL"
    if online.kind == "dynamodb":
        from platform_core.features.online.dynamodb import DynamoOnlineStore

        store = DynamoOnlineStore.connect(online.table, region=online.region, url=online.url, clock=clock)
        store.create_table()
        return store, "VIGIA__ONLINE__TABLE"
    from platform_core.features.online.sqlite import SqliteOnlineStore

    return SqliteOnlineStore(settings.data_dir / "online.db", clock=clock), "VIGIA__DATA_DIR"


def asked_store(settings: Settings) -> AskedRedis | None:
    """The same store for an event loop, where it can be asked without a thread: Redis."""
    if settings.online.kind != "redis" or settings.online.url is None:
        return None
    from platform_core.features.online.redis_asked import AskedRedis

    return AskedRedis(settings.online.url)


def offline_store(settings: Settings) -> OfflineStore:
    """Our own tables."""
    from platform_core.features.offline.delta import DeltaOfflineStore

    return DeltaOfflineStore(settings.data_dir / "offline")


def feature_tables(settings: Settings, catalog: Catalog) -> ArrivalFeed:
    """Our own tables, and those of the catalog's sources that lie elsewhere, read in place."""
    from platform_core.features.offline.delta import DeltaOfflineStore
    from platform_core.features.offline.placed import PlacedOfflineStore, places_of

    own, places = DeltaOfflineStore(settings.data_dir / "offline"), places_of(catalog)
    return PlacedOfflineStore(own, places) if places else own


def platform_view(base: Foundations, online: OnlineStore | None = None) -> PlatformView:
    """Everything observe tools may look at; nothing in it can change anything but the stores' own ports. `online`: a
    store that is open already."""
    from platform_core.serving.prediction_log import DeltaPredictionLog

    catalog = catalog_in_force(base)
    resources = ReadOnlyResources(SqlResources(base.engine, base.clock, base.audit))
    offline = feature_tables(base.settings, catalog)
    return PlatformView(
        clock=base.clock,
        catalog=catalog,
        lineage=LiveLineage(lambda: catalog, resources),
        offline=offline,
        online=online or online_store(base.settings, catalog),
        resources=resources,
        operations=SqlOperations(base.engine),
        predictions=DeltaPredictionLog(offline),
    )
