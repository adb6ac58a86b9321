"""The catalog's nouns, as written in reviewed YAML files and as stored in immutable versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Literal, TypeVar

from pydantic import Field

from foundation.errors import NotFound
from foundation.frozen import Frozen

Dtype = Literal["int64", "float64", "string", "bool", "timestamp"]
PiiClass = Literal["none", "quasi", "pii", "sensitive"]
AggregationFunction = Literal["count", "sum", "mean", "min", "max", "last", "stddev", "approx_distinct"]


class Column(Frozen):
    """A column of a source. `minimum`/`maximum` and `max_null_rate` are the owner's promise; monitors check them."""

    name: str
    dtype: Dtype
    description: str
    pii: PiiClass = "none"
    minimum: float | None = None
    maximum: float | None = None
    max_null_rate: float = Field(default=0.0, ge=0, le=1)


class Entity(Frozen):
    """What features describe: a card, a device, a merchant. `join_key` is the column that identifies it."""

    name: str
    join_key: str
    description: str


class DataSource(Frozen):
    """A table of events of one tenant in the offline store, filled by a connector from what `deployment` publishes."""

    name: str
    tenant: str
    table: str
    event_timestamp: str = "event_ts"
    created_timestamp: str = "ingested_at"
    deployment: str
    columns: tuple[Column, ...]
    owner: str


class Aggregation(Frozen):
    """One windowed feature: `function` over `column` of the entity's events in `(t - window, t]`, by event time."""

    name: str
    function: AggregationFunction
    column: str
    window: timedelta
    filter: str | None = None
    """SQL boolean expression over the source's columns."""


class FeatureView(Frozen):
    name: str
    entity: str
    sources: tuple[str, ...]
    aggregations: tuple[Aggregation, ...]
    ttl: timedelta
    freshness_sla: timedelta
    """How far the newest materialized event of a tenant may lie behind now."""

    owner: str
    channel: str
    description: str


class RequestField(Frozen):
    """An input of the model that comes with the request instead of from the store."""

    name: str
    dtype: Dtype
    description: str


class FeatureService(Frozen):
    """What one model reads. `features` are `view:feature` references; a model's column is `view__feature`."""

    name: str
    features: tuple[str, ...]
    request_fields: tuple[RequestField, ...]
    owner: str
    description: str


_Noun = TypeVar("_Noun", Entity, DataSource, FeatureView, FeatureService)


class Catalog(Frozen):
    """All of it, in one version. `platform_core.catalog.loading` reads it from YAML and checks its references."""

    entities: tuple[Entity, ...]
    sources: tuple[DataSource, ...]
    feature_views: tuple[FeatureView, ...]
    feature_services: tuple[FeatureService, ...]

    def source(self, name: str) -> DataSource:
        """This and its siblings raise NotFound for a name that is not there."""
        return _named(self.sources, name, "source")

    def feature_view(self, name: str) -> FeatureView:
        return _named(self.feature_views, name, "feature view")

    def feature_service(self, name: str) -> FeatureService:
        return _named(self.feature_services, name, "feature service")

    def entity(self, name: str) -> Entity:
        return _named(self.entities, name, "entity")


def _named(items: Sequence[_Noun], name: str, what: str) -> _Noun:
    for item in items:
        if item.name == name:
            return item
    names = [item.name for item in items]
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    raise NotFound(f"there is no {what} {name!r} in the catalog", hint=hint)
