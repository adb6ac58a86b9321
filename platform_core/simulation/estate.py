"""The company's resources: everything the control plane knows about when the story begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from platform_core.catalog.specs import Catalog
from platform_core.operations.resources import (
    ConnectorSpec,
    ControlPlane,
    DeploymentSpec,
    JobSpec,
    ModelSpec,
    RolloutSpec,
    SourceSpec,
    Spec,
)
from platform_core.running.estate import jobs, monitors
from platform_core.simulation.countries import COUNTRIES
from platform_core.simulation.slow_store import COMPACTION_JOB
from platform_core.simulation.usage import LEGACY_REPLICAS, REPLICA_HOURLY_USD
from platform_core.urn import urn

ACTOR = "service:platform-setup"
MODEL = "fraud_score"
SERVICE = "fraud_v1"
LEGACY = "fraud-legacy"
ENDPOINTS: tuple[tuple[str, str], ...] = (*((f"fraud-{c.tenant}", c.tenant) for c in COUNTRIES), (LEGACY, "br"))
"""(name, tenant)"""

_Wanted = tuple[str, Spec, str | None, dict[str, Any]]


def create_estate(resources: ControlPlane, catalog: Catalog) -> int:
    """Everything but endpoints. Returns how many resources were created."""
    wanted = [*_pipelines(), *_jobs(catalog), *_monitors(catalog)]
    for name, spec, tenant, status in wanted:
        resources.create(name, spec, tenant=tenant, status=status, actor=ACTOR)
    return len(wanted)


def create_endpoints(resources: ControlPlane, champion: str, decline_threshold: float) -> None:
    """The model, and its endpoints, all of them serving `champion`."""
    status = {"state": "idle", "trainings": 0, "production": champion, "usable": True}
    resources.create(urn("model", MODEL), ModelSpec(production=champion), status=status, actor=ACTOR)
    for name, tenant in ENDPOINTS:
        replicas = LEGACY_REPLICAS if name == LEGACY else 2
        spec = RolloutSpec(
            model=MODEL,
            champion=champion,
            feature_service=SERVICE,
            decline_threshold=decline_threshold,
            replicas=replicas,
            hourly_cost_per_replica_usd=REPLICA_HOURLY_USD,
        )
        status = {"replicas_ready": replicas, "serving": {"champion": champion, "canary": None}}
        resources.create(urn("endpoint", name), spec, tenant=tenant, status=status, actor=ACTOR)


def _pipelines() -> Iterator[_Wanted]:
    for country in COUNTRIES:
        source, service = f"payments_{country.tenant}", f"ingest-{country.tenant}"
        yield urn("source", source), SourceSpec(), country.tenant, {}
        spec = DeploymentSpec(
            service=service,
            source=source,
            version=country.ingest_version,
            previous_version=country.previous_ingest_version,
        )
        yield urn("deployment", service), spec, country.tenant, {"state": "running", "version": country.ingest_version}
        running = {"state": "running", "error": None, "backlog": 0}
        yield urn("connector", source), ConnectorSpec(source=source), country.tenant, running


def _jobs(catalog: Catalog) -> Iterator[_Wanted]:
    yield from jobs(catalog)
    yield COMPACTION_JOB, JobSpec(subject=urn("store", "online")), None, {"state": "idle"}


def _monitors(catalog: Catalog) -> Iterator[_Wanted]:
    yield from monitors(catalog, ENDPOINTS)
