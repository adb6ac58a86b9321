"""The catalog: its files, and the version in force."""

from __future__ import annotations

from pathlib import Path

from foundation.errors import Forbidden, InvalidInput
from interfaces.bootstrap.features import TenantReader
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.freezes import require_no_freeze
from interfaces.bootstrap.models import registry_of
from interfaces.bootstrap.platform import ReadOnlyResources, catalog_in_force, catalog_of, platform_view
from interfaces.principals import open_directory
from interfaces.settings import Settings
from platform_core.catalog.card import service_card, view_card
from platform_core.catalog.contract import ModelReader
from platform_core.catalog.loading import load_catalog
from platform_core.catalog.plan import CatalogPlan
from platform_core.catalog.search import find
from platform_core.catalog.specs import Catalog, FeatureService, FeatureView
from platform_core.catalog.store import CatalogStore
from platform_core.operations.sql_resources import SqlResources


def files(settings: Settings, directory: Path | None = None) -> Catalog:
    """The catalog in `directory`; by default in VIGIA__CATALOG_PATH, without one that of the simulated company."""
    return catalog_of(settings) if directory is None else load_catalog(directory)


def catalog_store(base: Foundations) -> CatalogStore:
    """Of the settings' environment, with the models in production as readers."""
    resources = ReadOnlyResources(SqlResources(base.engine, base.clock, base.audit))
    environment = base.settings.environment

    def readers() -> list[ModelReader]:
        from platform_core.serving.readers import model_readers

        return model_readers(resources, registry_of(base), environment)

    return CatalogStore(
        base.engine, base.clock, base.audit, environment=environment, resources=resources, readers=readers
    )


def plan_catalog(settings: Settings, directory: Path | None) -> CatalogPlan:
    catalog = files(settings, directory)
    return catalog_store(open_foundations(settings)).plan(catalog)


def apply_catalog(
    settings: Settings, directory: Path | None, *, api_key: str, base_version: int | None, reviewed: str | None
) -> CatalogPlan:
    """As the person whose key it is. Raises Unauthenticated, Forbidden, Conflict."""
    catalog = files(settings, directory)
    person = open_directory(settings.principals_file, settings.environment).by_api_key(api_key)
    mine = person.tenants_with({"admin"})
    if not mine:
        raise Forbidden(f"{person.id} may not apply a catalog", hint="that takes the role admin")
    require_no_freeze(settings, "apply_catalog")
    tenants = None if "*" in mine else mine
    store = catalog_store(open_foundations(settings))
    return store.apply(catalog, person.id, tenants=tenants, base=base_version, reviewed=reviewed)


def catalog_here(settings: Settings, directory: Path | None = None) -> Catalog:
    """The files of `directory` when it is given, otherwise the version in force, otherwise the settings' files."""
    if directory is not None:
        return load_catalog(directory)
    return catalog_in_force(open_foundations(settings))


def card(settings: Settings, name: str, *, api_key: str | None) -> str:
    """A page of Markdown about a view or a service; with `api_key` also how a view's values are now, of the tenants
    that its person may see. Raises NotFound, InvalidInput for what has no card, Unauthenticated, Forbidden."""
    from platform_core.monitoring.live_state import view_state

    base = open_foundations(settings)
    reader = None if api_key is None else TenantReader(base, api_key)
    platform = platform_view(base)
    item = find(platform.catalog, name)
    if isinstance(item, FeatureView):
        state = None
        if reader is not None:
            state = view_state(platform, item, reader.seen(platform.catalog.tenants(item.name), card=item.name))
        return view_card(platform.catalog, item, platform.lineage, state)
    if isinstance(item, FeatureService):
        return service_card(platform.catalog, item, platform.lineage)
    raise InvalidInput(f"{name!r} has no card", hint="feature views and feature services have; vigia features describe")
