"""A small catalog of card payments and an empty control plane: what the feature store's tests stand on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from foundation.errors import NotFound
from platform_core.catalog.specs import (
    Aggregation,
    Catalog,
    Column,
    DataSource,
    Entity,
    FeatureService,
    FeatureView,
)
from platform_core.operations.resources import Resource, ResourceReader, Spec
from platform_core.operations.timeline import ChangeEvent, JobRun, OperationsRecorder, UsageRecord

NOW = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", "UTC")
HOUR = timedelta(hours=1)


def aggregation(name: str, function: Any, column: str, window: timedelta, **more: Any) -> Aggregation:
    return Aggregation(name=name, function=function, column=column, window=window, **more)


def view(name: str, entity: str, *aggregations: Aggregation) -> FeatureView:
    return FeatureView(
        name=name,
        entity=entity,
        sources=("payments_br", "payments_mx"),
        aggregations=aggregations,
        ttl=timedelta(hours=24),
        freshness_sla=timedelta(minutes=10),
        owner="risk",
        channel="#risk",
        description="test",
    )


def source(tenant: str) -> DataSource:
    columns = {
        "event_id": "string",
        "event_ts": "timestamp",
        "ingested_at": "timestamp",
        "card_id": "string",
        "device_id": "string",
        "amount": "float64",
    }
    promised: dict[str, float] = {"amount": 0.05}
    return DataSource(
        name=f"payments_{tenant}",
        tenant=tenant,
        table=f"payments_{tenant}",
        deployment=f"ingest-{tenant}",
        columns=tuple(
            Column(name=n, dtype=d, description=n, max_null_rate=promised.get(n, 0.0))  # type: ignore[arg-type]
            for n, d in columns.items()
        ),
        owner="risk",
    )


CATALOG = Catalog(
    entities=(
        Entity(name="card", join_key="card_id", description="card"),
        Entity(name="device", join_key="device_id", description="device"),
    ),
    sources=(source("br"), source("mx")),
    feature_views=(
        view(
            "card_velocity",
            "card",
            aggregation("tx_count_1h", "count", "event_id", HOUR),
            aggregation("amount_sum_1h", "sum", "amount", HOUR),
            aggregation("amount_mean_24h", "mean", "amount", 24 * HOUR),
        ),
        view(
            "device_risk",
            "device",
            aggregation("tx_count_24h", "count", "event_id", 24 * HOUR),
            aggregation("cards_24h", "approx_distinct", "card_id", 24 * HOUR),
        ),
    ),
    feature_services=(
        FeatureService(
            name="fraud_v1",
            features=(
                "card_velocity:tx_count_1h",
                "card_velocity:amount_mean_24h",
                "device_risk:cards_24h",
            ),
            request_fields=(),
            owner="risk",
            description="test",
        ),
    ),
)


class Resources(ResourceReader):
    """A control plane in memory."""

    def __init__(self) -> None:
        self.specs: dict[str, Spec] = {}

    def get(self, urn: str) -> Resource:
        if urn not in self.specs:
            raise NotFound(f"no resource {urn!r}")
        return Resource(
            urn=urn, tenant=None, environment="production", spec=self.specs[urn], revision=1, updated_at=NOW
        )

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        return [self.get(urn) for urn in self.specs]


class Operations(OperationsRecorder):
    def __init__(self) -> None:
        self.runs: dict[str, JobRun] = {}
        self.changes: list[ChangeEvent] = []

    def record_change(self, event: ChangeEvent) -> None:
        self.changes.append(event)

    def record_job(self, run: JobRun) -> None:
        self.runs[run.id] = run

    def record_usage(self, records: list[UsageRecord]) -> None: ...


def payments(events: Sequence[dict[str, Any]], *, ingested: datetime, **columns: Any) -> pa.Table:
    """Rows of `events` (at, card, device, amount, id); `columns` renames or adds: device_id=None leaves it out."""
    table: dict[str, Any] = {
        "event_id": pa.array([e.get("id", f"{e['card']}@{e['at'].isoformat()}") for e in events], pa.string()),
        "event_ts": pa.array([e["at"] for e in events], TIMESTAMP),
        "ingested_at": pa.array([ingested] * len(events), TIMESTAMP),
        "card_id": pa.array([e["card"] for e in events], pa.string()),
        "device_id": pa.array([e.get("device", "d1") for e in events], pa.string()),
        "amount": pa.array([e.get("amount", 10.0) for e in events], pa.float64()),
    }
    table |= columns
    return pa.table({name: values for name, values in table.items() if values is not None})
