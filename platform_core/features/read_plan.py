"""What a request for features means, resolved once against the catalog: a request then only fills in keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Catalog, Dtype
from platform_core.features.references import named, references

_MOST_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class PlannedView:
    """A view and what is read of it. `entity` may stand for its join key where there is only one."""

    name: str
    entity: str
    join_keys: tuple[str, ...]
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A column of the answer: feature number `place` of view number `view`."""

    name: str
    dtype: Dtype
    view: int
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """One for each question; the same object for the same question."""

    service: str
    """Empty for a list of features that is no service."""

    views: tuple[PlannedView, ...]
    columns: tuple[PlannedColumn, ...]
    """In the order asked for."""

    dtypes: Mapping[str, Dtype]
    """Of the columns, by their names."""

    ttls: Mapping[str, timedelta]
    latency_slas: Mapping[str, timedelta]
    keyed: tuple[tuple[str, str], ...] | None
    """Of each view its name and its join key; None where one has several."""

    in_order: bool
    """Whether the columns are those of its only view, in its order."""


class ReadPlans:
    """Plans by service or list of features. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._plans: dict[tuple[str | tuple[str, ...], bool], ReadPlan] = {}
        self._lock = Lock()

    def find(self, features: str | Sequence[str], *, full_names: bool = True) -> ReadPlan:
        """Of a service by its name, or of `view:feature` references (one alone may be a text). Columns are named
        `view__feature`, or without `full_names` `feature`.

        Raises as `references` does, and InvalidInput for short names that collide.
        """
        wanted = named(features)
        plan = self._plans.get((wanted, full_names))
        if plan is None:
            plan = self._compile(wanted, full_names)
            with self._lock:
                if len(self._plans) >= _MOST_REMEMBERED:
                    self._plans.clear()
                self._plans[wanted, full_names] = plan
        return plan

    def _compile(self, wanted: str | tuple[str, ...], full_names: bool) -> ReadPlan:
        chosen: dict[str, list[str]] = {}
        places = [(r.view, r.feature) for r in references(self._catalog, wanted)]
        for view, feature in places:
            chosen.setdefault(view, []).append(feature)
        if not full_names:
            _refuse_collisions(places)
        specs = [self._catalog.feature_view(name) for name in chosen]
        order = list(chosen)
        dtypes: dict[tuple[str, str], Dtype] = {(v.name, f.name): f.dtype for v in specs for f in v.fields}
        columns = tuple(
            PlannedColumn(
                name=f"{view}__{feature}" if full_names else feature,
                dtype=dtypes[view, feature],
                view=order.index(view),
                place=chosen[view].index(feature),
            )
            for view, feature in places
        )
        views = tuple(
            PlannedView(v.name, v.entity, self._catalog.entity(v.entity).join_keys, tuple(chosen[v.name]))
            for v in specs
        )
        return ReadPlan(
            service=wanted if isinstance(wanted, str) and ":" not in wanted else "",
            views=views,
            columns=columns,
            dtypes={column.name: column.dtype for column in columns},
            ttls={v.name: v.ttl for v in specs},
            latency_slas={v.name: v.latency_sla for v in specs if v.latency_sla is not None},
            keyed=tuple((v.name, v.join_keys[0]) for v in views) if all(len(v.join_keys) == 1 for v in views) else None,
            in_order=len(specs) == 1 and [column.place for column in columns] == list(range(len(columns))),
        )


def _refuse_collisions(places: Sequence[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for view, feature in places:
        if feature in first:
            both = f"{first[feature]} and {view}"
            raise InvalidInput(f"{both} both have a feature {feature!r}", hint="ask for full feature names")
        first[feature] = view
