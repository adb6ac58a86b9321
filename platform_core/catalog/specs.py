"""The catalog's nouns, as written in reviewed YAML files and as stored in immutable versions."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

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


class Catalog(Frozen):
    """All of it, in one version. `platform_core.catalog.loading` reads it from YAML and checks its references."""

    entities: tuple[Entity, ...]
    sources: tuple[DataSource, ...]
    feature_views: tuple[FeatureView, ...]
    feature_services: tuple[FeatureService, ...]

    def source(self, name: str) -> DataSource:
        return next(s for s in self.sources if s.name == name)

    def feature_view(self, name: str) -> FeatureView:
        return next(v for v in self.feature_views if v.name == name)

    def feature_service(self, name: str) -> FeatureService:
        return next(s for s in self.feature_services if s.name == name)

    def entity(self, name: str) -> Entity:
        return next(e for e in self.entities if e.name == name)
