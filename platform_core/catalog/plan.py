"""What applying a catalog would change, and who reads what changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from foundation.frozen import Frozen
from platform_core.access.principals import Environment
from platform_core.catalog.contract import Refusal
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog, FeatureView
from platform_core.urn import urn

Kind = Literal["entity", "source", "feature_view", "feature_service"]
KINDS: dict[str, Kind] = {
    "entities": "entity",
    "sources": "source",
    "feature_views": "feature_view",
    "feature_services": "feature_service",
}
_PREFIX = "urn:vigia:"


class FieldChange(Frozen):
    """A field of an item, or `field[part]` of a list of named parts; None where there was or will be none."""

    field: str
    before: Any
    after: Any


class CatalogChange(Frozen):
    """One item added, changed or removed. `readers` is everything downstream, nearest first: `feature_view:x`,
    `feature_service:y`, `model:z`, `endpoint:w`."""

    change: Literal["added", "changed", "removed"]
    kind: Kind
    name: str
    fields: tuple[FieldChange, ...] = ()
    readers: tuple[str, ...] = ()


class CatalogPlan(Frozen):
    """`base_version` is the version that the plan compares with; 0 when there is none yet. A plan with refusals cannot
    be applied."""

    environment: Environment
    base_version: int
    digest: str
    changes: tuple[CatalogChange, ...]
    refusals: tuple[Refusal, ...] = ()


def within(catalog: Catalog, environment: Environment) -> Catalog:
    """The part of `catalog` that is in `environment`. Entities are in all of them."""
    return Catalog(
        entities=catalog.entities,
        sources=tuple(s for s in catalog.sources if environment in s.environments),
        feature_views=tuple(v for v in catalog.feature_views if environment in v.environments),
        feature_services=tuple(s for s in catalog.feature_services if environment in s.environments),
    )


def compare(
    before: Catalog | None, after: Catalog, lineages: tuple[Lineage, Lineage] | None = None
) -> tuple[CatalogChange, ...]:
    """The changes from `before` to `after`, in the order of the sections and by name within each.

    `lineages` are those of both, in which the readers are looked up.
    """
    changes: list[CatalogChange] = []
    for section, kind in KINDS.items():
        old, new = _items(before, section), _items(after, section)
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) == new.get(name):
                continue
            change = "added" if name not in old else "removed" if name not in new else "changed"
            catalogs = (before if name in old else None, after if name in new else None)
            readers = _readers(catalogs, lineages, kind, name) if lineages else ()
            fields = _changed_fields(old[name], new[name]) if change == "changed" else ()
            changes.append(CatalogChange(change=change, kind=kind, name=name, fields=fields, readers=readers))
    return tuple(changes)


def tenants_of(before: Catalog | None, after: Catalog, changes: tuple[CatalogChange, ...]) -> frozenset[str]:
    """Whom the changes concern: those of each item's sources, as they were and as they will be."""
    catalogs = [catalog for catalog in (before, after) if catalog is not None]
    return frozenset(tenant for catalog in catalogs for c in changes for tenant in _tenants(catalog, c.kind, c.name))


def _tenants(catalog: Catalog, kind: Kind, name: str) -> set[str]:
    if kind == "source":
        return {source.tenant for source in catalog.sources if source.name == name}
    views = [view.name for view in catalog.feature_views if (view.entity if kind == "entity" else view.name) == name]
    if kind == "feature_service":
        read = {r.partition(":")[0] for s in catalog.feature_services if s.name == name for r in s.features}
        views = [view.name for view in catalog.feature_views if view.name in read]
    return {tenant for view in views for tenant in catalog.tenants(view)}


def _items(catalog: Catalog | None, section: str) -> dict[str, Any]:
    return {} if catalog is None else {item.name: item for item in getattr(catalog, section)}


def _changed_fields(old: Any, new: Any) -> tuple[FieldChange, ...]:
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    changes: list[FieldChange] = []
    for field in before:
        if before[field] == after[field]:
            continue
        left, right = _parts(before[field]), _parts(after[field])
        names = [n for n in dict.fromkeys((*left, *right)) if left.get(n) != right.get(n)]
        if names:
            changes += [FieldChange(field=f"{field}[{n}]", before=left.get(n), after=right.get(n)) for n in names]
        else:
            changes.append(FieldChange(field=field, before=before[field], after=after[field]))
    return tuple(changes)


def _parts(value: Any) -> Mapping[str, Any]:
    """A list of named things, by name. Of anything else nothing: it is compared as a whole."""
    if not isinstance(value, list) or not all(isinstance(item, dict) and "name" in item for item in value):
        return {}
    return {item["name"]: item for item in value}


def _readers(
    catalogs: tuple[Catalog | None, Catalog | None], lineages: tuple[Lineage, Lineage], kind: Kind, name: str
) -> tuple[str, ...]:
    """Of the item as it was and as it will be."""
    found: dict[str, None] = {}
    for catalog, lineage in zip(catalogs, lineages, strict=True):
        if catalog is None:
            continue
        if kind == "entity":
            views = [view for view in catalog.feature_views if view.entity == name]
            found |= dict.fromkeys(node for view in views for node in (_node(view), *lineage.downstream(_node(view))))
        else:
            found |= dict.fromkeys(lineage.downstream(urn(kind, name)))
    order = ("feature_view", "feature_service", "model", "endpoint")
    readers = [node.removeprefix(_PREFIX) for node in found]
    return tuple(sorted(readers, key=lambda r: order.index(r.split(":", 1)[0])))


def _node(view: FeatureView) -> str:
    return urn("feature_view", view.name)
