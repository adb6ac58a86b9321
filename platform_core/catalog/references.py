"""What the parts of a catalog say about each other must hold together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Catalog, FeatureService, FeatureView

_NUMERIC = frozenset({"int64", "float64", "bool"})
_ANY_TYPE = frozenset({"count", "approx_distinct"})


def check_references(catalog: Catalog, origins: Mapping[str, str] | None = None) -> None:
    """Raises InvalidInput with every broken reference, one per line, each after the file that holds it.

    Checked: views name known entities, sources and columns, and at most one source per tenant; sources have their time
    columns' names free of clashes; arithmetic is over numbers; services name known features; no name is used twice.
    """
    problems: list[tuple[str, str]] = []
    for view in catalog.feature_views:
        problems += [(f"feature_views[{view.name}]", p) for p in _view_problems(catalog, view)]
    for service in catalog.feature_services:
        problems += [(f"feature_services[{service.name}]", p) for p in _service_problems(catalog, service)]
    for source in catalog.sources:
        problems += [(f"sources[{source.name}]", p) for p in _repeated("columns", (c.name for c in source.columns))]
    if problems:
        files = origins or {}
        raise InvalidInput("\n".join(f"{files[at]}: {at}{p}" if at in files else f"{at}{p}" for at, p in problems))


def _view_problems(catalog: Catalog, view: FeatureView) -> Iterable[str]:
    entity = next((e for e in catalog.entities if e.name == view.entity), None)
    if entity is None:
        yield f".entity: unknown entity {view.entity!r}{_near(view.entity, [e.name for e in catalog.entities])}"
    yield from _repeated("aggregations", (a.name for a in view.aggregations))
    sources = {s.name: s for s in catalog.sources}
    tenants: dict[str, str] = {}
    for name in view.sources:
        source = sources.get(name)
        if source is None:
            yield f".sources: unknown source {name!r}{_near(name, list(sources))}"
            continue
        if source.tenant in tenants:
            yield f".sources: {name!r} and {tenants[source.tenant]!r} both belong to tenant {source.tenant!r}"
        tenants[source.tenant] = name
        columns = {c.name: c.dtype for c in source.columns}
        for needed in (source.event_timestamp, source.created_timestamp, *([entity.join_key] if entity else [])):
            if needed not in columns:
                yield f": source {name!r} has no column {needed!r}{_near(needed, list(columns))}"
        for aggregation in view.aggregations:
            at = f".aggregations[{aggregation.name}].column"
            if aggregation.column not in columns:
                near = _near(aggregation.column, list(columns))
                yield f"{at}: source {name!r} has no column {aggregation.column!r}{near}"
            elif aggregation.function not in _ANY_TYPE and columns[aggregation.column] not in _NUMERIC:
                dtype = columns[aggregation.column]
                yield f"{at}: {aggregation.function} needs numbers, {aggregation.column!r} is {dtype}"


def _service_problems(catalog: Catalog, service: FeatureService) -> Iterable[str]:
    known = [f"{v.name}:{a.name}" for v in catalog.feature_views for a in v.aggregations]
    for reference in service.features:
        if reference not in known:
            yield f".features: unknown feature {reference!r}{_near(reference, known)}"
    yield from _repeated("features", service.features)
    yield from _repeated("request_fields", (f.name for f in service.request_fields))


def _repeated(key: str, names: Iterable[str]) -> Iterable[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f".{key}: {name!r} is listed twice"
        seen.add(name)


def _near(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
