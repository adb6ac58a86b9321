"""What a model relies on when it reads a feature, and which of its readers a new catalog would break.

A feature's meaning is what decides its values: where its key comes from, its type, its view's ttl, the table that its
source reads and the columns of its times, and, of an aggregation, the function, the column, the window and the filter.
Under the same name it may not change while a model in production reads it: the model was trained on the old meaning.
Descriptions, owners, promises and SLAs are free to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from foundation.frozen import Frozen
from platform_core.catalog.durations import format_duration
from platform_core.catalog.specs import Catalog, FeatureService


class ModelReader(Frozen):
    """A model version that is in production, and what it reads. `endpoint` is the URN of where it is served; None for
    one that is in the registry's stage production and served nowhere."""

    model: str
    version: str
    endpoint: str | None
    tenant: str | None
    feature_service: str
    features: tuple[str, ...] | None
    """`view:feature`; None when it is not known: then all of its service."""

    request_fields: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        where = "in the registry's production" if self.endpoint is None else self.endpoint
        return f"{self.model} version {self.version} ({where})"


class Refusal(Frozen):
    """A change that a reader would not survive."""

    reader: str
    what: str


def refusals(before: Catalog | None, after: Catalog, readers: Iterable[ModelReader]) -> tuple[Refusal, ...]:
    """What going from `before` to `after` would break, reader by reader. What is broken already is not refused."""
    if before is None:
        return ()
    return tuple(Refusal(reader=r.label, what=what) for r in readers for what in _broken(before, after, r))


def _broken(before: Catalog, after: Catalog, reader: ModelReader) -> Iterator[str]:
    service = next((s for s in before.feature_services if s.name == reader.feature_service), None)
    read = (service.features if service else ()) if reader.features is None else reader.features
    if service is not None:
        yield from _service_broken(service, after, reader, read)
    for reference in read:
        view, _, feature = reference.partition(":")
        old = meaning(before, view, feature, reader.tenant)
        new = meaning(after, view, feature, reader.tenant)
        if old is None:
            continue
        if new is None:
            yield f"removes {reference}"
            continue
        for aspect, value in old.items():
            if new.get(aspect) != value:
                yield f"changes {reference}: {aspect} {value} -> {new.get(aspect, 'none')}"


def _service_broken(old: FeatureService, after: Catalog, reader: ModelReader, read: tuple[str, ...]) -> Iterator[str]:
    new = next((s for s in after.feature_services if s.name == old.name), None)
    if new is None:
        yield f"removes feature service {old.name}"
        return
    for reference in read:
        if reference in old.features and reference not in new.features:
            yield f"takes {reference} out of feature service {new.name}"
    was, now = ({f.name: f.dtype for f in s.request_fields} for s in (old, new))
    for name in was if reader.features is None else reader.request_fields:
        if name in was and name not in now:
            yield f"takes request field {name} out of feature service {new.name}"
        elif name in was and was[name] != now[name]:
            yield f"changes request field {name} of {new.name}: dtype {was[name]} -> {now[name]}"


def meaning(catalog: Catalog, view: str, feature: str, tenant: str | None) -> dict[str, str] | None:
    """What decides the feature's values, by aspect; None when `tenant` (None: anybody) cannot read it in `catalog`."""
    said = definition(catalog, view, feature)
    if said is None or (tenant is not None and tenant not in catalog.tenants(view)):
        return None
    spec = catalog.feature_view(view)
    read = [*catalog.entity(spec.entity).join_keys, said.get("column", feature)]
    sources = [s for s in catalog.sources if s.name in spec.sources and tenant in (None, s.tenant)]
    for source in sources:
        dtypes = {c.name: c.dtype for c in source.columns}
        said |= {f"{source.tenant}'s {column}": dtypes[column] for column in read}
        # A column's name holds no space: these cannot be taken for one.
        said |= {
            f"{source.tenant}'s source table": source.table,
            f"{source.tenant}'s source path": source.path or "none",
            f"{source.tenant}'s event timestamp": source.event_timestamp,
            f"{source.tenant}'s created timestamp": source.created_timestamp,
        }
    return said


def definition(catalog: Catalog, view: str, feature: str) -> dict[str, str] | None:
    """The part of a feature's meaning that is the same for every tenant; None when it is not in `catalog`."""
    spec = next((v for v in catalog.feature_views if v.name == view), None)
    field = None if spec is None else next((f for f in spec.fields if f.name == feature), None)
    if spec is None or field is None:
        return None
    keys = catalog.entity(spec.entity).join_keys
    said = {"entity": spec.entity, "join keys": ", ".join(keys), "dtype": field.dtype}
    said["ttl"] = format_duration(spec.ttl)
    aggregation = next((a for a in spec.aggregations if a.name == feature), None)
    if aggregation is not None:
        said |= {
            "function": aggregation.function,
            "column": aggregation.column,
            "window": format_duration(aggregation.window),
            "filter": aggregation.filter or "none",
        }
    return said
