"""The platform's health as Prometheus gauges: the last readings of the monitors and the state of what they watch."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Gauge, generate_latest

from foundation.telemetry.metrics import new_registry
from platform_core.catalog.specs import Catalog
from platform_core.monitoring.runner import MonitorRunner
from platform_core.operations.resources import ConnectorSpec, MonitorSpec, ResourceReader, SourceSpec
from platform_core.urn import parse_urn

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


_COLUMN = ("source", "column", "tenant")
_WINDOW = ("endpoint", "tenant", "window")
_BURN = "Of the error budget of its availability: as many times as fast as the budget allows."
_LAG = "Age of the newest online value; while its source is quarantined, as of the quarantine's beginning."


class PlatformGauges:
    """Own registry, so that several platforms fit into one process. `update` after every evaluation."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self._lag = self._gauge("feature_freshness_lag_seconds", _LAG, "view", "tenant")
        self._sla = self._gauge("feature_freshness_sla_seconds", "How old it may be.", "view")
        self._nulls = self._gauge("source_null_rate", "Share of nulls in the newest rows.", *_COLUMN)
        self._psi = self._gauge("source_drift_psi", "Population stability index.", *_COLUMN)
        self._up = self._gauge("connector_up", "1 while the connector runs.", "source", "tenant")
        self._held = self._gauge("source_quarantined", "1 while rows of the source are held back.", "source", "tenant")
        self._failures = self._gauge("job_consecutive_failures", "Latest runs that failed.", "job", "tenant")
        self._reading = self._gauge("monitor_reading", "Last figure of a monitor, in its threshold's unit.", "monitor")
        self._threshold = self._gauge("monitor_threshold", "Where a monitor draws the line, as in its spec.", "monitor")
        self._firing = self._gauge(
            "monitor_firing", "1 for each alert that fires.", "monitor", "kind", "severity", "subject", "tenant"
        )
        self._rows = self._gauge(
            "materialization_source_rows_total", "Source rows since the start: taken, late, …", "view", "tenant", "kind"
        )
        self._blind = self._gauge("monitor_blind", "1 for a monitor that could not be evaluated.", "monitor")
        self._objective = self._gauge("slo_objective", "Share of whole answers that is promised.", "endpoint", "tenant")
        self._burn = self._gauge("slo_burn_rate", _BURN, *_WINDOW)
        self._requests = self._gauge("slo_requests", "Requests in the window.", *_WINDOW)
        self._bad = self._gauge("slo_bad_requests", "Of those, failed or answered without features.", *_WINDOW)
        self._labels: dict[Gauge, frozenset[tuple[str, ...]]] = {}

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"vigia_{name}", text, labels, registry=self.registry)

    def update(
        self,
        catalog: Catalog,
        runner: MonitorRunner,
        resources: ResourceReader,
        rows: Mapping[tuple[str, str, str], int] | None = None,
    ) -> None:
        """`rows`: source rows by (view, tenant, kind), as `Materializer.counts` has them."""
        for labels, count in (rows or {}).items():
            self._rows.labels(*labels).set(count)
        for view in catalog.feature_views:
            self._sla.labels(view.name).set(view.freshness_sla.total_seconds())
        tenants = {source.name: source.tenant for source in catalog.sources}
        self._show(runner, tenants, resources)
        for resource in resources.list(kind="connector"):
            if isinstance(resource.spec, ConnectorSpec):
                up = 1.0 if resource.status.get("state") == "running" else 0.0
                self._up.labels(resource.spec.source, resource.tenant or tenants.get(resource.spec.source, "")).set(up)
        for resource in resources.list(kind="source"):
            if isinstance(resource.spec, SourceSpec):
                held = resource.spec.quarantine_since is not None
                name = parse_urn(resource.urn)[1]
                self._held.labels(name, resource.tenant or tenants.get(name, "")).set(1.0 if held else 0.0)

    def _show(self, runner: MonitorRunner, tenants: Mapping[str, str], resources: ResourceReader) -> None:
        """The readings of those that could look, and nothing of the others: their last good figure is not today's."""
        monitors = (self._reading, self._threshold, self._firing, self._lag, self._nulls, self._psi, self._failures)
        budgets = (self._objective, self._burn, self._requests, self._bad)
        shown: dict[Gauge, dict[tuple[str, ...], float]] = {gauge: {} for gauge in (*monitors, *budgets)}
        thresholds = {parse_urn(r.urn)[1]: r.spec for r in resources.list(kind="monitor")}
        by_prefix = {"freshness": self._lag, "nulls": self._nulls, "drift": self._psi, "jobs": self._failures}
        parts = runner.parts
        for name, value in runner.readings.items():
            shown[self._reading][name,] = value
            if isinstance(spec := thresholds.get(name), MonitorSpec):
                shown[self._threshold][name,] = spec.threshold
            prefix, of = name.partition("-")[0], parts[name]
            if prefix in by_prefix:
                shown[by_prefix[prefix]][_labels(prefix, of, tenants)] = value
        for found in runner.alerts:
            labels = (found.labels.get("monitor", ""), found.kind, found.severity, found.subject, found.tenant or "")
            shown[self._firing][labels] = 1.0
        for budget in runner.budgets:
            shown[self._objective][budget.endpoint, budget.tenant or ""] = budget.objective
            for spent in budget.spent.values():
                window = (budget.endpoint, budget.tenant or "", spent.window)
                shown[self._burn][window] = spent.burn_rate
                shown[self._requests][window], shown[self._bad][window] = spent.requests, spent.bad
        shown[self._blind] = {(name,): 1.0 for name in runner.blind}
        for gauge, values in shown.items():
            # Removed one by one: a scrape between a clear and a set would find nothing of what is there all the time.
            for gone in self._labels.get(gauge, frozenset()) - values.keys():
                gauge.remove(*gone)
            for labels, value in values.items():
                gauge.labels(*labels).set(value)
            self._labels[gauge] = frozenset(values)

    def render(self) -> bytes:
        return generate_latest(self.registry)


def _labels(prefix: str, of: tuple[str, ...], tenants: Mapping[str, str]) -> tuple[str, ...]:
    """Of the gauge for monitors of this prefix: a job has its view's name, a column is of its source's tenant."""
    if prefix == "jobs":
        return f"materialize-{of[0]}", of[1]
    return of if prefix == "freshness" else (*of, tenants.get(of[0], ""))
