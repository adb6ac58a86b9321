"""Entity rows with the features of both stores, each as of the same moment.

The online store says which row it serves and what event it is from; the offline store is asked for the features as of
that event. Where the online store serves nothing, both are asked as of now. Whatever the stores are doing meanwhile,
the two answers are then about the same row; a row that differs all the same is read again, since it may have been
replaced between the two reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import pyarrow as pa

from foundation.clock import Clock
from platform_core.access.principals import Principal
from platform_core.access.tenancy import TenantGuard
from platform_core.catalog.specs import Catalog
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.port import OfflineStore
from platform_core.features.online.port import OnlineStore
from platform_core.features.retrieval import OnlineRetriever
from platform_core.training.gates.payments import floats
from platform_core.training.gates.port import Floats, Replay
from platform_core.training.request_inputs import request_columns

GATES = Principal(id="service:gates", name="Promotion gates", roles=frozenset({"viewer"}), tenants=frozenset({"*"}))
ATTEMPTS = 3


@dataclass(frozen=True)
class Replaying:
    offline: OfflineStore
    online: OnlineStore
    catalog: Catalog
    clock: Clock
    guard: TenantGuard

    def replay(self, service: str, payments: pl.DataFrame) -> Replay:
        """Features of `service` for the entities of `payments`: tenant, join keys, event_ts, amount, channel."""
        definition = self.catalog.feature_service(service)
        names = [reference.replace(":", "__") for reference in definition.features]
        names += [field.name for field in definition.request_fields]
        parts = [
            self._of_tenant(service, tenant, rows)
            for (tenant,), rows in payments.group_by("tenant", maintain_order=True)
        ]
        if not parts:
            return Replay(tuple(names), np.zeros((0, len(names))), np.zeros((0, len(names))))
        offline, online = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        return Replay(tuple(names), offline, online)

    def _of_tenant(self, service: str, tenant: str, payments: pl.DataFrame) -> tuple[Floats, Floats]:
        """Offline and online features, each with the request's own inputs beside."""
        offline, online = self._both(service, tenant, payments)
        for _ in range(ATTEMPTS - 1):
            (apart,) = np.nonzero(~_same(offline, online).all(axis=1))
            if not len(apart):
                break
            offline[apart], online[apart] = self._both(service, tenant, payments[apart])
        columns = request_columns(payments.to_arrow())
        fields = [field.name for field in self.catalog.feature_service(service).request_fields]
        inputs = np.column_stack([np.zeros((len(payments), 0)), *(floats(columns[name]) for name in fields)])
        return np.hstack([offline, inputs]), np.hstack([online, inputs])

    def _both(self, service: str, tenant: str, payments: pl.DataFrame) -> tuple[Floats, Floats]:
        references = self.catalog.feature_service(service).features
        retriever = OnlineRetriever(self.catalog, self.online, self.clock, guard=self.guard)
        now = self.clock.now()
        keys = _keys(self.catalog, references)
        response = retriever.get_online_features(service, payments.select(keys).to_arrow(), tenant, GATES)
        served = {name: _numbers(column) for name, column in response.values.items()}
        offline: dict[str, Floats] = {}
        for view in dict.fromkeys(reference.split(":", 1)[0] for reference in references):
            mine = [reference for reference in references if reference.startswith(f"{view}:")]
            present = response.statuses[mine[0].replace(":", "__")]
            moments = [
                time if time is not None and status in ("present", "null") else now
                for time, status in zip(response.event_times[view], present, strict=True)
            ]
            answered = self._as_of(mine, tenant, payments.select(keys), moments)
            offline |= {name: floats(answered[name]) for name in (r.replace(":", "__") for r in mine)}
        order = [reference.replace(":", "__") for reference in references]
        return (
            np.column_stack([offline[name] for name in order]),
            np.column_stack([served[name] for name in order]),
        )

    def _as_of(
        self, references: Sequence[str], tenant: str, keys: pl.DataFrame, moments: Sequence[datetime]
    ) -> pa.Table:
        rows = keys.to_arrow().append_column("event_timestamp", pa.array(moments, pa.timestamp("us", tz="UTC")))
        return get_historical_features(self.offline, self.catalog, list(references), rows, tenant=tenant)


def _keys(catalog: Catalog, references: Sequence[str]) -> list[str]:
    views = dict.fromkeys(reference.split(":", 1)[0] for reference in references)
    entities = [catalog.entity(catalog.feature_view(view).entity) for view in views]
    return list(dict.fromkeys(key for entity in entities for key in entity.join_keys))


def _numbers(column: Sequence[object]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in column], dtype=np.float64)  # type: ignore[arg-type]


def _same(first: Floats, second: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return np.isclose(first, second, rtol=1e-9, atol=1e-9, equal_nan=True)
