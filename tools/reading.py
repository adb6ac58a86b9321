"""Reading the platform's tables for a probe: names checked against the catalog, columns as numpy arrays."""

from __future__ import annotations

from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Column, DataSource, FeatureView
from platform_core.features.target import source_spec as spec_of_source
from platform_core.operations.resources import ConnectorSpec, Resource, RolloutSpec, SourceSpec
from platform_core.urn import parse_urn, urn
from platform_core.view import PlatformView
from tools.contract import Window

arrow: Any = pyarrow.compute
"""Arrow's compute functions, which are generated at import and unknown to type checkers."""

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
"""Microseconds since the epoch."""


def window(platform: PlatformView, minutes: float, until: datetime | None = None) -> Window:
    """The `minutes` before `until`, by default before now on the platform's clock."""
    end = until or platform.clock.now()
    return Window(start=end - timedelta(minutes=minutes), end=end)


def since_change(platform: PlatformView, span: Window, changed: str | None) -> Window:
    """`span`, but only what came after the spec of the resource `changed` was last changed: for judging whether that
    helped."""
    if changed is None:
        return span
    after = platform.resources.get(changed).updated_at + timedelta(microseconds=1)
    return Window(start=max(span.start, after), end=span.end)


def find_source(platform: PlatformView, name: str) -> DataSource:
    """The catalog's source `name`. Raises NotFound, naming the nearest."""
    return _named("source", name, {s.name: s for s in platform.catalog.sources})


def declared_source(platform: PlatformView, name: str) -> DataSource:
    """As `find_source`, for a source that is under control. Raises NotFound and names no other: who asks may see this
    one, and perhaps none of those."""
    for source in platform.catalog.sources:
        if source.name == name:
            return source
    raise NotFound(f"no source {name!r} in the catalog", hint="it is under control: has the catalog dropped it?")


def find_view(platform: PlatformView, name: str) -> FeatureView:
    return _named("feature view", name, {v.name: v for v in platform.catalog.feature_views})


def find_column(source: DataSource, name: str) -> Column:
    return _named(f"column of {source.name}", name, {c.name: c for c in source.columns})


def source_of_tenant(platform: PlatformView, view: FeatureView, tenant: str) -> DataSource:
    """The source of `view` that belongs to `tenant`. Raises NotFound when the view has none."""
    found = [s for s in platform.catalog.sources if s.name in view.sources and s.tenant == tenant]
    if not found:
        known = sorted({s.tenant for s in platform.catalog.sources if s.name in view.sources})
        raise NotFound(f"feature view {view.name!r} has no source of tenant {tenant!r}", hint=f"tenants: {known}")
    return found[0]


def _named(what: str, name: str, known: dict[str, Any]) -> Any:
    if name in known:
        return known[name]
    near = get_close_matches(name, list(known), n=1)
    raise NotFound(
        f"no {what} {name!r} in the catalog", hint=f"did you mean {near[0]!r}?" if near else str(list(known))
    )


def endpoint_resource(platform: PlatformView, name: str) -> tuple[Resource, RolloutSpec]:
    """The endpoint `name` (`fraud-br`) and its spec. Raises NotFound."""
    resource = platform.resources.get(urn("endpoint", name))
    if not isinstance(resource.spec, RolloutSpec):
        raise InvalidInput(f"{resource.urn!r} is not an endpoint but a {resource.spec.kind}")
    return resource, resource.spec


def connector_resource(platform: PlatformView, source: str) -> tuple[Resource, ConnectorSpec]:
    resource = platform.resources.get(urn("connector", source))
    if not isinstance(resource.spec, ConnectorSpec):
        raise InvalidInput(f"{resource.urn!r} is not a connector but a {resource.spec.kind}")
    return resource, resource.spec


def source_spec(platform: PlatformView, source: str) -> SourceSpec:
    """How materialization reads `source` today; the default spec when no such resource is kept."""
    return spec_of_source(platform.resources, source)


def name_of(value: str, kind: str) -> str:
    """The name in a URN of `kind`, or `value` itself when it is a bare name."""
    if not value.startswith("urn:"):
        return value
    found, name = parse_urn(value)
    if found != kind:
        raise InvalidInput(f"{value!r} is a {found}, not a {kind}")
    return name


def read_rows(
    platform: PlatformView, source: DataSource, columns: list[str], start: datetime, end: datetime
) -> pa.Table:
    """Rows of `source` with start <= event time < end, in event order, under their catalog names.

    A column that is stored under another name since a rename (`field_mapping`) is read as the first that is not null;
    a column the table does not have is all null: exactly what a reader of the features would get.
    """
    stored = set(platform.offline.schema(source.table).names)
    mapping = source_spec(platform, source.name).field_mapping
    wanted = [source.event_timestamp, *(c for c in columns if c != source.event_timestamp)]
    physical = {name for c in wanted for name in (c, mapping.get(c, c)) if name in stored}
    table = platform.offline.read(
        source.table, start=start, end=end, columns=sorted(physical), time_column=source.event_timestamp
    )
    out: dict[str, Any] = {}
    for column in wanted:
        parts = [table.column(n) for n in dict.fromkeys((column, mapping.get(column, column))) if n in physical]
        out[column] = arrow.coalesce(*parts) if parts else pa.nulls(table.num_rows, pa.float64())
    result = pa.table(out)
    return result.take(arrow.sort_indices(result.column(source.event_timestamp)))


def times_of(table: pa.Table, column: str) -> Times:
    """A timestamp column as microseconds since the epoch."""
    values = table.column(column).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return np.asarray(values.to_numpy(), dtype=np.int64)


def floats_of(table: pa.Table, column: str) -> Floats:
    """A numeric or boolean column as float64, null as NaN. Text gives NaN everywhere: there is nothing to average."""
    values = table.column(column)
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type)):
        return np.full(table.num_rows, np.nan)
    return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)


def nulls_of(table: pa.Table, column: str) -> npt.NDArray[np.bool_]:
    """Which rows hold null (or NaN) in `column`."""
    return np.asarray(arrow.is_null(table.column(column), nan_is_null=True).to_numpy(), dtype=np.bool_)
