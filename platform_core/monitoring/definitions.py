"""The monitors a platform should have, derived from its catalog and its endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from foundation.frozen import Frozen
from platform_core.catalog.specs import Catalog, DataSource
from platform_core.monitoring.promises import is_promised
from platform_core.operations.resources import MonitorSpec
from platform_core.urn import urn

DECLINE_MULTIPLE = 3.0
LATENCY_P99_MS = 75.0
IDLE_USD_A_MONTH = 300.0


class MonitorDefinition(Frozen):
    name: str
    tenant: str | None
    spec: MonitorSpec

    @property
    def urn(self) -> str:
        return urn("monitor", self.name)


def definitions(
    catalog: Catalog, endpoints: Iterable[tuple[str, str]], services: Mapping[str, str] | None = None
) -> list[MonitorDefinition]:
    """One monitor per thing worth watching, as its `monitors` in the catalog say; `endpoints` are (name, tenant),
    `services` says which feature service an endpoint reads."""
    known = list(endpoints)
    budgets = _of_services(catalog, known, services or {})
    return [*_of_sources(catalog), *_of_views(catalog), *_of_endpoints(known), *budgets]


def _of_sources(catalog: Catalog) -> Iterator[MonitorDefinition]:
    keys = {key for entity in catalog.entities for key in entity.join_keys}
    for source in catalog.sources:
        subject = urn("source", source.name)
        monitors = source.monitors
        if monitors.volume_share is not None:
            yield _definition(f"volume-{source.name}", source.tenant, subject, monitors.volume_share)
        for column in source.columns:
            name = f"{source.name}-{column.name}"
            if column.dtype == "float64" and monitors.drift_psi is not None:
                yield _definition(f"drift-{name}", source.tenant, subject, monitors.drift_psi)
            # A row without its key is in no feature. Of other text nobody says whether it may be missing.
            held = column.dtype in ("float64", "int64") or column.name in keys or 0 < column.max_null_rate < 1
            if monitors.nulls and held:
                yield _definition(f"nulls-{name}", source.tenant, subject, column.max_null_rate)
        yield from _of_quality(source, subject)


def _of_quality(source: DataSource, subject: str) -> Iterator[MonitorDefinition]:
    """What a source's owner asked for beyond the usual."""
    monitors, tenant = source.monitors, source.tenant
    if monitors.duplicates is not None:
        yield _definition(f"duplicates-{source.name}", tenant, subject, monitors.duplicates)
    if monitors.pipeline_lag is not None:
        yield _definition(f"lag-{source.name}", tenant, subject, monitors.pipeline_lag.total_seconds())
    if monitors.wrong_clocks is not None:
        yield _definition(f"clock-{source.name}", tenant, subject, monitors.wrong_clocks)
    if monitors.schema_changes:
        yield _definition(f"schema-{source.name}", tenant, subject, 0)
    for column in source.columns:
        name = f"{source.name}-{column.name}"
        bounded = column.minimum is not None or column.maximum is not None
        if monitors.out_of_range is not None and bounded and column.dtype in ("int64", "float64"):
            yield _definition(f"range-{name}", tenant, subject, monitors.out_of_range)
        if monitors.cardinality_factor is not None and column.dtype == "string":
            yield _definition(f"cardinality-{name}", tenant, subject, monitors.cardinality_factor)


def _of_views(catalog: Catalog) -> Iterator[MonitorDefinition]:
    for view in catalog.feature_views:
        for tenant in catalog.tenants(view.name):
            name = f"{view.name}-{tenant}"
            if view.monitors.freshness:
                sla = view.freshness_sla.total_seconds()
                yield _definition(f"freshness-{name}", tenant, urn("feature_view", view.name), sla)
            if view.monitors.job_failures is not None:
                job = urn("job", f"materialize-{view.name}")
                yield _definition(f"jobs-{name}", tenant, job, view.monitors.job_failures)
            subject = urn("feature_view", view.name)
            if view.monitors.parity is not None:
                yield _definition(f"parity-{name}", tenant, subject, view.monitors.parity)
            if view.monitors.promises is not None and any(map(is_promised, view.fields)):
                yield _definition(f"promise-{name}", tenant, subject, view.monitors.promises)
            if view.monitors.screen and view.monitors.drift_psi is not None:
                yield _definition(f"screen-{name}", tenant, subject, view.monitors.drift_psi)


def _of_endpoints(endpoints: Iterable[tuple[str, str]]) -> Iterator[MonitorDefinition]:
    for name, tenant in endpoints:
        subject = urn("endpoint", name)
        yield _definition(f"score-{name}", tenant, subject, DECLINE_MULTIPLE)
        yield _definition(f"latency-{name}", tenant, subject, LATENCY_P99_MS)
        yield _definition(f"cost-{name}", tenant, subject, IDLE_USD_A_MONTH)


def _of_services(
    catalog: Catalog, endpoints: Iterable[tuple[str, str]], services: Mapping[str, str]
) -> Iterator[MonitorDefinition]:
    objectives = {s.name: s.monitors.availability for s in catalog.feature_services}
    for name, tenant in endpoints:
        objective = objectives.get(services.get(name, ""))
        if objective is not None:
            yield _definition(f"burn-{name}", tenant, urn("endpoint", name), objective)


def _definition(name: str, tenant: str, subject: str, threshold: float) -> MonitorDefinition:
    return MonitorDefinition(name=name, tenant=tenant, spec=MonitorSpec(subject=subject, threshold=threshold))
