"""Lineage: who feeds whom, and not across tenants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from platform_core.catalog.graph import build_lineage
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Aggregation, Catalog, DataSource, Entity, FeatureService, FeatureView
from platform_core.operations.resources import (
    ConnectorSpec,
    DeploymentSpec,
    JobSpec,
    MonitorSpec,
    Resource,
    RolloutSpec,
    Spec,
)

U = "urn:vigia:"


def resource(name: str, tenant: str | None, spec: Spec) -> Resource:
    return Resource(
        urn=f"{U}{spec.kind}:{name}",
        tenant=tenant,
        environment="production",
        spec=spec,
        revision=1,
        updated_at=datetime(2026, 11, 19, tzinfo=UTC),
    )


@pytest.fixture
def lineage() -> Lineage:
    window = timedelta(hours=1)
    catalog = Catalog(
        entities=(Entity(name="card", join_key="card_id", description="card"),),
        sources=tuple(
            DataSource(name=f"payments_{t}", tenant=t, table="t", deployment=f"ingest-{t}", columns=(), owner="o")
            for t in ("br", "ar")
        ),
        feature_views=(
            FeatureView(
                name="card_velocity",
                entity="card",
                sources=("payments_br", "payments_ar"),
                aggregations=(Aggregation(name="n", function="count", column="c", window=window),),
                ttl=window,
                freshness_sla=window,
                owner="o",
                channel="c",
                description="d",
            ),
        ),
        feature_services=(
            FeatureService(
                name="fraud_v1", features=("card_velocity:n",), request_fields=(), owner="o", description="d"
            ),
        ),
    )
    rollout = RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1")
    resources = [
        *(resource(f"payments_{t}", t, ConnectorSpec(source=f"payments_{t}")) for t in ("br", "ar")),
        *(
            resource(f"ingest-{t}", t, DeploymentSpec(service=f"ingest-{t}", source=f"payments_{t}", version="1"))
            for t in ("br", "ar")
        ),
        *(resource(f"fraud-{t}", t, rollout) for t in ("br", "ar")),
        resource("materialize-card_velocity", None, JobSpec(subject=f"{U}feature_view:card_velocity")),
        resource("online-compaction", None, JobSpec(subject=f"{U}store:online")),
        resource("nulls-payments_br-amount", "br", MonitorSpec(subject=f"{U}source:payments_br", threshold=0.1)),
    ]
    return build_lineage(catalog, resources)


def test_a_deployment_reaches_its_own_tenants_endpoint(lineage: Lineage) -> None:
    assert lineage.downstream(f"{U}deployment:ingest-br") == [
        f"{U}connector:payments_br",
        f"{U}source:payments_br",
        f"{U}feature_view:card_velocity",
        f"{U}feature_service:fraud_v1",
        f"{U}model:fraud_score",
        f"{U}endpoint:fraud-br",
    ]
    assert f"{U}deployment:ingest-ar" not in lineage.upstream(f"{U}endpoint:fraud-br")


def test_compaction_reaches_every_endpoint_through_the_store(lineage: Lineage) -> None:
    assert set(lineage.downstream(f"{U}job:online-compaction")) == {
        f"{U}store:online",
        f"{U}endpoint:fraud-br",
        f"{U}endpoint:fraud-ar",
    }


def test_a_materialization_job_feeds_its_view(lineage: Lineage) -> None:
    assert f"{U}job:materialize-card_velocity" in lineage.upstream(f"{U}feature_view:card_velocity")
    assert lineage.tenant(f"{U}connector:payments_ar") == "ar"
    assert f"{U}monitor:nulls-payments_br-amount" not in lineage.downstream(f"{U}source:payments_br")
