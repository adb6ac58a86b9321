"""The catalog's nouns, as written in reviewed YAML files and as stored in immutable versions."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AliasChoices, Field, FiniteFloat, model_validator

from foundation.errors import InvalidInput, NotFound
from foundation.frozen import Frozen
from platform_core.access.principals import Environment
from platform_core.catalog.durations import Duration

Dtype = Literal["int64", "float64", "string", "bool", "timestamp"]
PiiClass = Literal["none", "quasi", "pii", "sensitive"]
AggregationFunction = Literal["count", "sum", "mean", "min", "max", "last", "stddev", "approx_distinct"]

ENVIRONMENTS: tuple[Environment, ...] = ("dev", "staging", "production")

NAME = r"^[a-z0-9][a-z0-9_.-]{0,127}$"
COLUMN_NAME = r"^[^:\s]{1,128}$"

Name = Annotated[str, Field(pattern=NAME)]
"""Of an item of the catalog: the last part of its URN."""

ColumnName = Annotated[str, Field(pattern=COLUMN_NAME)]
"""Of a column or a feature: anything but white space and the colon, which parts a view from its feature."""


class Column(Frozen):
    """A column of a source. `minimum`/`maximum` and `max_null_rate` are the owner's promise; monitors check them."""

    name: ColumnName
    dtype: Dtype
    description: str
    pii: PiiClass = "none"
    """`quasi` identifies together with others, `pii` on its own, `sensitive` does harm when it is known. The copilot
    redacts values of the last two; features are read by tenant, whatever their class."""

    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None
    max_null_rate: float = Field(default=0.0, ge=0, le=1)
    """The share of rows, 0 to 1, that may be null."""


class Feature(Frozen):
    """A feature of a view: its type and what its owner promises. Nulls are values: by default any share is allowed."""

    name: ColumnName
    dtype: Dtype = "float64"
    description: str = ""
    pii: PiiClass = "none"
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None
    max_null_rate: float = Field(default=1.0, ge=0, le=1)


class Entity(Frozen):
    """What features describe: a card, a device, a merchant. `join_keys` are the columns that identify it, in the order
    in which keys are made of them."""

    name: Name
    join_keys: tuple[ColumnName, ...] = Field(min_length=1)
    """One of them is written `join_key: card_id` for short."""

    description: str

    @model_validator(mode="before")
    @classmethod
    def _single_key(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "join_key" not in value:
            return cast(object, value)
        entity = dict(cast(dict[str, Any], value))
        if "join_keys" in entity:
            raise ValueError("give join_key or join_keys, not both")
        entity["join_keys"] = (entity.pop("join_key"),)
        return entity

    @property
    def join_key(self) -> str:
        """The only one. Raises InvalidInput when there are several."""
        first, *others = self.join_keys
        if others:
            keys = ", ".join(self.join_keys)
            raise InvalidInput(f"entity {self.name!r} has several join keys: {keys}", hint="give a value for each")
        return first


class SourceMonitors(Frozen):
    """The checks on a source and where they draw the line; null switches one off."""

    volume_share: float | None = Field(default=0.4, gt=0, le=1)
    """Alert when fewer rows come in than this share of the usual number at that hour."""

    drift_psi: float | None = Field(default=0.25, gt=0)
    """Alert when the PSI of a numeric column against its reference is over this."""

    nulls: bool = True
    """Hold every numeric column and join key to its `max_null_rate`, other columns where that is over 0."""

    out_of_range: float | None = Field(default=None, ge=0, lt=1)
    """Alert when a larger share of a column's values lies outside its `minimum` and `maximum`."""

    duplicates: float | None = Field(default=None, ge=0, lt=1)
    """Alert when a larger share of rows repeats an event."""

    cardinality_factor: float | None = Field(default=None, gt=1)
    """Alert when a text column has so many times more, or fewer, different values than usual at that hour."""

    pipeline_lag: Duration | None = None
    """Alert when rows arrive later than this after their events, at the 95th percentile."""

    wrong_clocks: int | None = Field(default=None, ge=0)
    """Alert when more rows in an hour are dated after their arrival."""

    schema_changes: bool = False
    """Alert when a column is gone or of another type."""


class DataSource(Frozen):
    """A table of events of one tenant, filled by a connector from what `deployment` publishes."""

    name: Name
    tenant: str
    table: str
    """Its name in the offline store."""

    path: str | None = None
    """Where the table lies when it is not in the platform's own offline store: a Parquet file or directory of Parquet
    files, or a Delta table. It is read in place and never written. Relative to the working directory."""

    event_timestamp: str = "event_ts"
    """The column that says when it happened."""

    created_timestamp: str = "ingested_at"
    """The column that says when the row was written."""

    deployment: str | None = None
    """The upstream service that writes it, when one is known."""

    columns: tuple[Column, ...]
    owner: str
    channel: str = ""
    """Where its owner is told."""

    description: str = ""
    environments: tuple[Environment, ...] = Field(default=ENVIRONMENTS, min_length=1)
    monitors: SourceMonitors = SourceMonitors()


class Aggregation(Frozen):
    """One windowed feature: `function` over `column` of the entity's events in `(t - window, t]`, by event time."""

    name: ColumnName
    function: AggregationFunction
    column: str
    window: Duration
    """How far back; the moment itself is in, the moment a window before is not."""

    filter: str | None = None
    """SQL boolean expression over the source's columns."""


class ViewMonitors(Frozen):
    """The checks on a feature view and where they draw the line; null switches one off."""

    freshness: bool = True
    """Hold the newest value of every tenant to `freshness_sla`."""

    job_failures: int | None = Field(default=2, ge=1)
    """Alert when so many materializations in a row have failed."""

    drift_psi: float | None = Field(default=0.25, gt=0)
    """From what PSI a drifted feature of the nightly screen is a warning, not only information."""

    promises: float | None = Field(default=0.01, ge=0, lt=1)
    """Hold every feature to its `max_null_rate`, and alert when a larger share than this of its values lies outside its
    `minimum` and `maximum`. Features without such promises are not looked at."""

    screen: bool = False
    """Judge every feature once a day, and draw Evidently's report of those that drifted."""

    screen_baseline: Literal["window", "weekday_hour"] = "window"
    """What the screen compares the last day with: the two weeks before, or the same hours of that weekday in the last
    four weeks."""

    screen_segment: str | None = None
    """A column by whose values the screen judges the rows apart."""

    parity: float | None = Field(default=None, ge=0, lt=1)
    """Alert when a larger share of online values differs from the offline history, or that from what its events say."""


class FeatureView(Frozen):
    """Features of one entity, from one source per tenant.

    With `aggregations` each of them is a feature (float64), and `schema` may say more about it. Without, the features
    are the sources' columns that `schema` names, as they are.
    """

    name: Name
    entity: str
    sources: tuple[str, ...]
    aggregations: tuple[Aggregation, ...] = ()
    features: tuple[Feature, ...] = Field(default=(), validation_alias=AliasChoices("schema", "features"))
    """What is known of each feature; `schema` in the files. In code, `fields` has all features."""

    ttl: Duration
    """How old an event's values may be when they are read; older ones are expired."""

    freshness_sla: Duration
    """How far the newest materialized event of a tenant may lie behind now."""

    latency_sla: Duration | None = None
    """How long an online read may take, at the 99th percentile; e.g. `20ms`."""

    owner: str
    channel: str
    description: str
    environments: tuple[Environment, ...] = Field(default=ENVIRONMENTS, min_length=1)
    monitors: ViewMonitors = ViewMonitors()

    @property
    def fields(self) -> tuple[Feature, ...]:
        """All features, in order: what a row of this view holds."""
        if not self.aggregations:
            return self.features
        described = {feature.name: feature for feature in self.features}
        return tuple(described.get(a.name) or Feature(name=a.name) for a in self.aggregations)


class RequestField(Frozen):
    """An input of the model that comes with the request instead of from the store."""

    name: ColumnName
    dtype: Dtype
    description: str


class ServiceMonitors(Frozen):
    """The checks on every endpoint that serves a feature service; null switches one off."""

    availability: float | None = Field(default=None, gt=0, lt=1)
    """The share of requests that must be answered with all their features, e.g. 0.999: alert when the error budget
    burns 14.4 times too fast over an hour and five minutes, or 6 times over six hours and thirty minutes."""


class FeatureService(Frozen):
    """What one model reads. `features` are `view:feature` references; a model's column is `view__feature`."""

    name: Name
    features: tuple[str, ...]
    request_fields: tuple[RequestField, ...] = ()
    owner: str
    channel: str = ""
    description: str
    environments: tuple[Environment, ...] = Field(default=ENVIRONMENTS, min_length=1)
    monitors: ServiceMonitors = ServiceMonitors()


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

    def tenants(self, view: str) -> tuple[str, ...]:
        """Whose values `view` holds: the tenants of its sources, sorted."""
        return tuple(sorted({self.source(name).tenant for name in self.feature_view(view).sources}))


def _named(items: Sequence[_Noun], name: str, what: str) -> _Noun:
    for item in items:
        if item.name == name:
            return item
    names = [item.name for item in items]
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    raise NotFound(f"there is no {what} {name!r} in the catalog", hint=hint)
