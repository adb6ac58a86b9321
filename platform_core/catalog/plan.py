"""What applying a catalog would change, and who reads what changes."""

from __future__ import annotations

from typing import Any, Literal

from foundation.frozen import Frozen
from platform_core.catalog.specs import Catalog

_SECTIONS = ("entities", "sources", "feature_views", "feature_services")


class CatalogChange(Frozen):
    """One item added, changed or removed. `fields` names what changed; `readers` the items downstream of it."""

    change: Literal["added", "changed", "removed"]
    kind: Literal["entity", "source", "feature_view", "feature_service"]
    name: str
    fields: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


class CatalogPlan(Frozen):
    """`base_version` is the version that the plan compares with; 0 when there is none yet."""

    base_version: int
    digest: str
    changes: tuple[CatalogChange, ...]


def compare(before: Catalog | None, after: Catalog) -> tuple[CatalogChange, ...]:
    """The changes from `before` to `after`, in the order of the sections and by name within each."""
    changes: list[CatalogChange] = []
    for section in _SECTIONS:
        old, new = _items(before, section), _items(after, section)
        kind: Any = section.removesuffix("s") if section != "entities" else "entity"
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) == new.get(name):
                continue
            change = "added" if name not in old else "removed" if name not in new else "changed"
            readers = _readers(after if name in new else before, kind, name)
            fields = _changed_fields(old[name], new[name]) if change == "changed" else ()
            changes.append(CatalogChange(change=change, kind=kind, name=name, fields=fields, readers=readers))
    return tuple(changes)


def _items(catalog: Catalog | None, section: str) -> dict[str, Any]:
    return {} if catalog is None else {item.name: item for item in getattr(catalog, section)}


def _changed_fields(old: Any, new: Any) -> tuple[str, ...]:
    """Names of fields; within a list of named parts, `field[part]`."""
    names: list[str] = []
    for field in type(new).model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before == after:
            continue
        if all(isinstance(v, tuple) and v and hasattr(v[0], "name") for v in (before, after)):
            left, right = {p.name: p for p in before}, {p.name: p for p in after}
            moved = sorted(p for p in left.keys() | right.keys() if left.get(p) != right.get(p))
            names += [f"{field}[{part}]" for part in moved] or [field]
        else:
            names.append(field)
    return tuple(names)


def _readers(catalog: Catalog | None, kind: str, name: str) -> tuple[str, ...]:
    if catalog is None or kind == "feature_service":
        return ()
    views = [
        v.name
        for v in catalog.feature_views
        if (kind == "entity" and v.entity == name)
        or (kind == "source" and name in v.sources)
        or (kind == "feature_view" and v.name == name)
    ]
    services = [
        s.name for s in catalog.feature_services if any(reference.split(":", 1)[0] in views for reference in s.features)
    ]
    own = [] if kind == "feature_view" else [f"feature_view:{view}" for view in views]
    return (*own, *(f"feature_service:{service}" for service in services))
