"""What the parts of a catalog say about each other must hold together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches

from foundation.errors import InvalidInput
from platform_core.catalog.filters import checked_filter
from platform_core.catalog.specs import Aggregation, Catalog, Column, DataSource, Entity, FeatureService, FeatureView

Origin = Callable[..., str]
"""Given the steps to a part of an item, the `file:line` where that part is written."""

Problem = tuple[tuple[str, ...], str]
"""The steps to what is wrong within its item (a key, the name of an item of a list), and what is wrong with it."""

_NUMERIC = frozenset({"int64", "float64", "bool"})
_ANY_TYPE = frozenset({"count", "approx_distinct"})
KEY_TYPES = frozenset({"string", "int64", "bool"})
"""Of others two values may be one text, or one value two."""

RESERVED = frozenset({"tenant", "key", "event_ts", "created_ts"})
"""Columns that every table of feature rows has besides its features."""


def check_references(catalog: Catalog, origins: Mapping[str, Origin] | None = None) -> None:
    """Raises InvalidInput with every broken reference, one per line, each after the line of the file that holds it.

    Checked: views name known entities, sources and columns, and at most one source per tenant; a feature that is a
    column has its type; join keys are text, whole numbers or truths, and times are timestamps; arithmetic is over
    numbers; a filter is a condition over the sources' columns; services name known features; what an environment reads
    is there in it; ranges are not empty; no name is used twice.
    """
    problems: list[tuple[str, Problem]] = []
    for source in catalog.sources:
        problems += [(f"sources[{source.name}]", p) for p in _source_problems(source)]
    for view in catalog.feature_views:
        problems += [(f"feature_views[{view.name}]", p) for p in _view_problems(catalog, view)]
    for service in catalog.feature_services:
        problems += [(f"feature_services[{service.name}]", p) for p in _service_problems(catalog, service)]
    if problems:
        raise InvalidInput("\n".join(_line(item, problem, origins or {}) for item, problem in problems))


def _line(item: str, problem: Problem, origins: Mapping[str, Origin]) -> str:
    steps, said = problem
    # A list of plain names says which one by the complaint itself.
    named = [(step, f"[{step}]" if place % 2 else f".{step}") for place, step in enumerate(steps)]
    path = "".join(text for step, text in named if repr(step) not in said)
    place = f"{origins[item](*steps)}: " if item in origins else ""
    return f"{place}{item}{path}: {said}"


def _source_problems(source: DataSource) -> Iterator[Problem]:
    yield from _repeated("columns", (c.name for c in source.columns))
    for column in source.columns:
        yield from _empty_range("columns", column.name, column.minimum, column.maximum)


def _view_problems(catalog: Catalog, view: FeatureView) -> Iterator[Problem]:
    entity = next((e for e in catalog.entities if e.name == view.entity), None)
    if entity is None:
        known = [e.name for e in catalog.entities]
        yield ("entity",), f"unknown entity {view.entity!r}{_near(view.entity, known)}"
    yield from _repeated("aggregations", (a.name for a in view.aggregations))
    yield from _schema_problems(view)
    if not view.sources:
        yield ("sources",), "a view needs a source"
    sources = {s.name: s for s in catalog.sources}
    tenants: dict[str, str] = {}
    for name in view.sources:
        source = sources.get(name)
        if source is None:
            yield ("sources", name), f"unknown source {name!r}{_near(name, list(sources))}"
            continue
        if source.tenant in tenants:
            other = tenants[source.tenant]
            yield ("sources", name), f"{name!r} and {other!r} both belong to tenant {source.tenant!r}"
        tenants[source.tenant] = name
        yield from _absent(f"source {name!r}", view.environments, source.environments)
        yield from _column_problems(view, entity, source)


def _schema_problems(view: FeatureView) -> Iterator[Problem]:
    yield from _repeated("schema", (f.name for f in view.features))
    aggregated = [a.name for a in view.aggregations]
    if not view.fields:
        yield ("schema",), "a view needs aggregations, or a schema that names columns of its sources"
    for feature in view.fields:
        if feature.name in RESERVED:
            yield ("schema", feature.name), f"{feature.name!r} is the name of a column that every view has"
    segment, held = view.monitors.screen_segment, [*(f.name for f in view.fields), *sorted(RESERVED)]
    if segment is not None and segment not in held:
        yield ("monitors",), f"screen_segment: the view has no column {segment!r}{_near(segment, held)}"
    for feature in view.features:
        at = ("schema", feature.name)
        yield from _empty_range("schema", feature.name, feature.minimum, feature.maximum)
        if aggregated and feature.name not in aggregated:
            yield at, f"no aggregation is called {feature.name!r}{_near(feature.name, aggregated)}"
        elif aggregated and feature.dtype != "float64":
            yield at, f"an aggregation is float64, not {feature.dtype}"


def _column_problems(view: FeatureView, entity: Entity | None, source: DataSource) -> Iterator[Problem]:
    columns = {c.name: c for c in source.columns}
    for needed in (source.event_timestamp, source.created_timestamp, *(entity.join_keys if entity else ())):
        if needed not in columns:
            yield ("sources", source.name), f"source {source.name!r} has no column {needed!r}{_near(needed, columns)}"
    yield from _type_problems(entity, source, columns)
    for aggregation in view.aggregations:
        yield from _aggregation_problems(aggregation, source.name, columns)
    if view.aggregations:
        return
    for feature in view.features:
        column = columns.get(feature.name)
        if column is None:
            said = f"source {source.name!r} has no column {feature.name!r}{_near(feature.name, columns)}"
            yield ("schema", feature.name), said
        elif column.dtype != feature.dtype:
            said = f"{feature.name!r} of source {source.name!r} is {column.dtype}, not {feature.dtype}"
            yield ("schema", feature.name), said


def _type_problems(entity: Entity | None, source: DataSource, columns: Mapping[str, Column]) -> Iterator[Problem]:
    at = ("sources", source.name)
    for name in (source.event_timestamp, source.created_timestamp):
        if name in columns and (dtype := columns[name].dtype) != "timestamp":
            yield at, f"{name!r} of source {source.name!r} is a time, so a timestamp, not {dtype}"
    for name in entity.join_keys if entity else ():
        if name in columns and (dtype := columns[name].dtype) not in KEY_TYPES:
            yield at, f"join key {name!r} of source {source.name!r} is {dtype}: a key is a string, an int64 or a bool"


def _aggregation_problems(aggregation: Aggregation, source: str, columns: Mapping[str, Column]) -> Iterator[Problem]:
    at = ("aggregations", aggregation.name, "column")
    column = columns.get(aggregation.column)
    if column is None:
        yield at, f"source {source!r} has no column {aggregation.column!r}{_near(aggregation.column, columns)}"
    elif aggregation.function not in _ANY_TYPE and column.dtype not in _NUMERIC:
        yield at, f"{aggregation.function} needs numbers, {aggregation.column!r} is {column.dtype}"
    if aggregation.filter is not None:
        try:
            checked_filter(aggregation.filter, columns)
        except InvalidInput as error:
            yield ("aggregations", aggregation.name, "filter"), str(error)


def _service_problems(catalog: Catalog, service: FeatureService) -> Iterator[Problem]:
    if not service.features:
        yield ("features",), "a service needs a feature"
    views = {f"{v.name}:{f.name}": v for v in catalog.feature_views for f in v.fields}
    for reference in service.features:
        view = views.get(reference)
        if view is None:
            yield ("features", reference), f"unknown feature {reference!r}{_near(reference, views)}"
        else:
            yield from _absent(f"feature view {view.name!r}", service.environments, view.environments)
    yield from _repeated("features", service.features)
    yield from _repeated("request_fields", (f.name for f in service.request_fields))


def _absent(what: str, needed: Iterable[str], there: Iterable[str]) -> Iterator[Problem]:
    if missing := [environment for environment in needed if environment not in set(there)]:
        yield ("environments",), f"{what} is not in {', '.join(missing)}"


def _empty_range(key: str, name: str, minimum: float | None, maximum: float | None) -> Iterator[Problem]:
    if minimum is not None and maximum is not None and minimum > maximum:
        yield (key, name), f"minimum {minimum:g} is over maximum {maximum:g}"


def _repeated(key: str, names: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield (key, name), f"{name!r} is listed twice"
        seen.add(name)


def _near(given: str, known: Iterable[str]) -> str:
    close = get_close_matches(given, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
