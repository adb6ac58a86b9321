"""Reads the registry of a Feast repository: what it declares, as our catalog, and what could not be carried over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.errors import InvalidInput, NotFound, Unavailable
from platform_core.attached.feast.importing import feast_imports
from platform_core.attached.feast.names import our_name
from platform_core.attached.feast.online import repository_config
from platform_core.attached.feast.sources import SourceImport
from platform_core.attached.feast.types import dtype_of
from platform_core.catalog.durations import parse_duration
from platform_core.catalog.references import KEY_TYPES, RESERVED, check_references
from platform_core.catalog.specs import Catalog, DataSource, Entity, Feature, FeatureService, FeatureView

if TYPE_CHECKING:
    from feast import FeatureStore

NO_TTL = parse_duration("3650d")
FRESHNESS = parse_duration("24h")
NOBODY = "unknown"
_OTHER_VIEWS = (
    ("list_on_demand_feature_views", "on demand feature view", "its Python runs at request time"),
    ("list_stream_feature_views", "stream feature view", "its stream and its transformation are not read"),
)


@dataclass
class Imported:
    """A catalog whose references hold, to be reviewed; `notes` say what is missing in it, or was guessed."""

    project: str
    catalog: Catalog
    notes: list[str] = field(default_factory=lambda: [])


def read_repository(repository: Path, *, tenant: str | None = None) -> Imported:
    """Everything goes to `tenant`, by default the project's name: Feast has none.

    Raises NotFound without a repository or a registry, InvalidInput when Feast is not installed or refuses it.
    """
    config = repository_config(repository)
    _check_registry(repository, config)
    store = _open(repository)
    return _Import(store, repository, tenant or our_name(str(config["project"]))).run()


class _Import:
    def __init__(self, store: FeatureStore, repository: Path, tenant: str) -> None:
        self._store: Any = store
        self._tenant = tenant
        self._notes: list[str] = []
        self._entities: dict[tuple[str, ...], Entity] = {}
        self._sources = SourceImport(repository, tenant, self._notes)
        self._views: dict[str, FeatureView] = {}

    def run(self) -> Imported:
        declared = {entity.name: entity for entity in self._store.list_entities()}
        for view in self._store.list_feature_views():
            made = self._view(view, declared)
            if made is not None:
                self._views[view.name] = made
        for lister, what, why in _OTHER_VIEWS:
            self._notes += [f"{what} {v.name!r} is not carried over: {why}" for v in getattr(self._store, lister)()]
        services = [self._service(service) for service in self._store.list_feature_services()]
        used = set(self._entities)
        single = {(e.join_key,) for e in declared.values()}
        for entity in declared.values():
            if (entity.join_key,) in single - used and entity.name != "__dummy":
                self._entities[(entity.join_key,)] = _entity(entity)
        catalog = Catalog(
            entities=tuple(self._entities.values()),
            sources=tuple(self._sources.made.values()),
            feature_views=tuple(self._views.values()),
            feature_services=tuple(service for service in services if service is not None),
        )
        check_references(catalog)
        return Imported(self._store.project, catalog, self._notes)

    def _view(self, view: Any, declared: dict[str, Any]) -> FeatureView | None:
        what = f"feature view {view.name!r}"
        entities = [declared[name] for name in view.entities if name in declared and name != "__dummy"]
        if not entities:
            self._notes.append(f"{what} is not carried over: it has no entity")
            return None
        if getattr(view, "feature_transformation", None) is not None or getattr(view, "source_views", None):
            self._notes.append(f"{what} is not carried over: it is computed by a transformation")
            return None
        features = [made for f in view.features if (made := self._feature(f, what)) is not None]
        entity = self._entity_of(entities)
        keys = {c.name: c.dtype for c in view.entity_columns}
        source = self._sources.source(view, entity.join_keys, keys, features)
        if source is None or not features:
            self._notes.append(f"{what} is not carried over: {'no feature' if source else 'its source'} could not be")
            return None
        columns = {column.name: column.dtype for column in source.columns}
        odd = [name for name in entity.join_keys if columns.get(name, "string") not in KEY_TYPES]
        odd += [
            t for t in (source.event_timestamp, source.created_timestamp) if columns.get(t) not in {None, "timestamp"}
        ]
        if odd:
            said = ", ".join(f"{name!r} is {columns[name]}" for name in odd)
            self._notes.append(f"{what} is not carried over: {said}; keys are text or whole numbers, times timestamps")
            return None
        features = self._known(features, source, what)
        if not view.ttl:
            self._notes.append(f"{what} has no ttl in Feast (values never expire): 3650d was written, choose one")
        if not view.online:
            self._notes.append(f"{what} is not served online in Feast; here every view can be")
        owner = view.owner or NOBODY
        return FeatureView(
            name=our_name(view.name),
            entity=entity.name,
            sources=(source.name,),
            features=tuple(features),
            ttl=view.ttl or NO_TTL,
            freshness_sla=FRESHNESS,
            owner=owner,
            channel="",
            description=view.description or f"imported from Feast's {view.name}",
        )

    def _known(self, features: list[Feature], source: DataSource, what: str) -> list[Feature]:
        """As the source's columns have them: Parquet knows better than the declaration."""
        columns = {column.name: column.dtype for column in source.columns}
        for feature in features:
            if columns[feature.name] != feature.dtype:
                said = f"is {feature.dtype} in Feast and {columns[feature.name]} in its source: the source's was taken"
                self._notes.append(f"feature {feature.name!r} of {what} {said}")
        return [f.model_copy(update={"dtype": columns[f.name]}) for f in features]

    def _feature(self, feature: Any, what: str) -> Feature | None:
        dtype = dtype_of(feature.dtype)
        if dtype is None or feature.name in RESERVED:
            why = f"type {feature.dtype}" if dtype is None else "its name is one that every view has"
            self._notes.append(f"feature {feature.name!r} of {what} is not carried over: {why}")
            return None
        return Feature(name=feature.name, dtype=dtype, description=feature.description or "")

    def _entity_of(self, entities: Sequence[Any]) -> Entity:
        """Of several: one entity by all their keys, in the order in which the view names them."""
        keys = tuple(e.join_key for e in entities)
        if keys not in self._entities:
            name = "_".join(our_name(e.name) for e in entities)
            description = " and ".join(e.description or e.name for e in entities)
            self._entities[keys] = Entity(name=name, join_keys=keys, description=description)
            if len(keys) > 1:
                self._notes.append(
                    f"entity {name!r} was made for views of {', '.join(e.name for e in entities)} together"
                )
        return self._entities[keys]

    def _service(self, service: Any) -> FeatureService | None:
        what = f"feature service {service.name!r}"
        references: list[str] = []
        for projection in service.feature_view_projections:
            if projection.name_alias or projection.join_key_map:
                self._notes.append(f"{what} reads {projection.name!r} under another name or key: not carried over")
                continue
            view = self._views.get(projection.name)
            known = {f.name for f in view.fields} if view else set[str]()
            for f in projection.features:
                if view is None or f.name not in known:
                    self._notes.append(f"{what} loses {projection.name}:{f.name}, which was not carried over")
                else:
                    references.append(f"{view.name}:{f.name}")
        if service.logging_config is not None:
            self._notes.append(f"{what}: its logging configuration is not carried over")
        if not references:
            self._notes.append(f"{what} is not carried over: none of its features was")
            return None
        return FeatureService(
            name=our_name(service.name),
            features=tuple(dict.fromkeys(references)),
            owner=service.owner or NOBODY,
            description=service.description or f"imported from Feast's {service.name}",
        )


def _entity(entity: Any) -> Entity:
    description = entity.description or entity.name
    return Entity(name=our_name(entity.name), join_keys=(entity.join_key,), description=description)


def _check_registry(repository: Path, config: dict[str, Any]) -> None:
    """Feast makes an empty registry where it finds none: that would be no import but a change."""
    registry = config.get("registry", "data/registry.db")
    settings: dict[str, Any] = registry if isinstance(registry, dict) else {"path": registry}
    path = str(settings.get("path", "data/registry.db"))
    if settings.get("registry_type", "file") == "file" and "://" not in path and not (repository / path).is_file():
        raise NotFound(f"Feast's registry {str(repository / path)!r} is not there", hint="feast apply makes it")


def _open(repository: Path) -> FeatureStore:
    try:
        with feast_imports():
            import feast
            from feast.errors import FeastError
    except ImportError as error:
        raise InvalidInput("Feast is not installed", hint="install the extra: vigia[feast]") from error
    try:
        return feast.FeatureStore(repo_path=str(repository))
    except (ValueError, OSError, FeastError) as error:
        raise Unavailable(f"Feast cannot open {str(repository)!r}: {error}") from error
