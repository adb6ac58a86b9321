"""The online values of a feature service for one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from foundation.clock import Clock
from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Catalog, FeatureService
from platform_core.features.online.port import OnlineStore


@dataclass(frozen=True, slots=True)
class OnlineFeatures:
    """`values` by `view__feature`, in the service's order; `degraded` names those whose row is missing or expired.

    A value may be None without being degraded: null is a value.
    """

    values: Mapping[str, float | None]
    degraded: list[str]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a service asks of the store, resolved once: the hot path only fills in keys."""

    views: tuple[tuple[str, str], ...]
    """(view, entity)."""

    columns: tuple[tuple[str, int, str], ...]
    """(view__feature, position of the view, feature)."""

    ttls: Mapping[str, timedelta]


class OnlineRetriever:
    """One read round trip for all views of a service. Raises Unavailable when the store does not answer."""

    def __init__(self, catalog: Catalog, online: OnlineStore, clock: Clock) -> None:
        self._online = online
        self._clock = clock
        self._tenants = frozenset(s.tenant for s in catalog.sources)
        self._plans = {service.name: _plan(catalog, service) for service in catalog.feature_services}

    def features(self, service: str, tenant: str, entities: dict[str, str]) -> OnlineFeatures:
        """`entities`: entity name -> key, for every entity of the service's views; others are ignored.

        Raises NotFound for an unknown service or tenant, InvalidInput for an entity that is missing.
        """
        if (plan := self._plans.get(service)) is None:
            raise NotFound(f"no feature service {service!r}", hint=f"services: {', '.join(sorted(self._plans))}")
        if tenant not in self._tenants:
            raise NotFound(f"no tenant {tenant!r}", hint=f"tenants: {', '.join(sorted(self._tenants))}")
        try:
            keys = [(view, entities[entity]) for view, entity in plan.views]
        except KeyError as error:
            needed = ", ".join(dict.fromkeys(entity for _, entity in plan.views))
            raise InvalidInput(f"no key for entity {error.args[0]!r}", hint=f"{service} needs {needed}") from None
        rows = self._online.read(tenant, keys, now=self._clock.now(), ttls=plan.ttls)
        values: dict[str, float | None] = {}
        degraded: list[str] = []
        for column, position, feature in plan.columns:
            row = rows[position]
            if row.status == "present" and feature in row.values:
                values[column] = row.values[feature]
            else:
                values[column] = None
                degraded.append(column)
        return OnlineFeatures(values, degraded)


def _plan(catalog: Catalog, service: FeatureService) -> _Plan:
    references = [reference.split(":", 1) for reference in service.features]
    views = [catalog.feature_view(name) for name in dict.fromkeys(view for view, _ in references)]
    positions = {view.name: position for position, view in enumerate(views)}
    return _Plan(
        views=tuple((view.name, view.entity) for view in views),
        columns=tuple((f"{view}__{feature}", positions[view], feature) for view, feature in references),
        ttls={view.name: view.ttl for view in views},
    )
