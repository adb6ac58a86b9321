"""What a catalog wants under control: its sources, its views' jobs, and the monitors it asks for.

Monitors follow the catalog in force: new ones are made, thresholds and subjects set as it says now (what people set
beside them, a silence or a baseline, stays), and those it no longer asks for are retired, not deleted. Sources and jobs
are only made: what people decided about them (a quarantine, a cancelled job) is not the catalog's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from foundation.errors import Conflict
from foundation.ids import new_id
from platform_core.access.principals import Environment
from platform_core.catalog.specs import Catalog
from platform_core.features.target import job_urn
from platform_core.monitoring.definitions import definitions
from platform_core.operations.resources import (
    ControlPlane,
    JobSpec,
    MonitorSpec,
    Resource,
    ResourceReader,
    RolloutSpec,
    SourceSpec,
    Spec,
)
from platform_core.running.upkeep import AUTHOR
from platform_core.serving.ports import EndpointResources
from platform_core.urn import parse_urn, urn

WATCHED = {"declared_by": "catalog", "state": "watched"}
RETIRED = {"declared_by": "catalog", "state": "retired"}


class Wanted(NamedTuple):
    urn: str
    spec: Spec
    tenant: str | None
    status: dict[str, Any]


class OfEnvironment(ResourceReader):
    """The resources of one environment that are in use: monitors that the catalog retired are not looked at."""

    def __init__(self, resources: ResourceReader, environment: Environment) -> None:
        self._resources = resources
        self._environment = environment

    def get(self, urn: str) -> Resource:
        return self._resources.get(urn)

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        found = self._resources.list(kind=kind, tenant=tenant)
        return [r for r in found if r.environment == self._environment and r.status != RETIRED]


class EndpointsOfEnvironment(OfEnvironment):
    """As the inference server sees the control plane: another environment's endpoints are not its own to serve."""

    def __init__(self, resources: EndpointResources, environment: Environment) -> None:
        super().__init__(resources, environment)
        self._reported = resources

    def report_status(self, urn: str, status: dict[str, Any]) -> None:
        self._reported.report_status(urn, status)


def jobs(catalog: Catalog) -> Iterator[Wanted]:
    for view in catalog.feature_views:
        yield Wanted(job_urn(view.name), JobSpec(subject=urn("feature_view", view.name)), None, {"state": "running"})


def monitors(
    catalog: Catalog, endpoints: Iterable[tuple[str, str]], services: Mapping[str, str] | None = None
) -> Iterator[Wanted]:
    """`endpoints`: (name, tenant); `services`: what each of them reads."""
    for definition in definitions(catalog, endpoints, services):
        yield Wanted(definition.urn, definition.spec, definition.tenant, WATCHED)


def reconcile(control: ControlPlane, catalog: Catalog, environment: Environment) -> None:
    """Make and set what `catalog` wants and is not so. Repeated, it changes nothing.

    Raises Conflict, once everything else is done, when another environment has a resource of the same name.
    """
    known = {r.urn: r for r in control.list()}
    here = [r for r in known.values() if r.environment == environment]
    endpoints = [(parse_urn(r.urn)[1], r.tenant) for r in here if r.spec.kind == "endpoint" and r.tenant is not None]
    sources = (Wanted(urn("source", s.name), SourceSpec(), s.tenant, {}) for s in catalog.sources)
    services = {parse_urn(r.urn)[1]: r.spec.feature_service for r in here if isinstance(r.spec, RolloutSpec)}
    declared = {w.urn: w for w in monitors(catalog, endpoints, services)}
    elsewhere: list[str] = []
    for wanted in (*sources, *jobs(catalog), *declared.values()):
        there = known.get(wanted.urn)
        if there is None:
            _create(control, wanted, environment)
        elif there.environment != environment:
            elsewhere.append(f"{wanted.urn} ({there.environment})")
        elif isinstance(wanted.spec, MonitorSpec):
            _follow(control, there, wanted.spec)
    for resource in here:
        if resource.status == WATCHED and resource.urn not in declared:
            control.report_status(resource.urn, RETIRED)
    if elsewhere:
        raise Conflict(
            f"resources of another environment have the names of {environment}'s: {', '.join(elsewhere[:3])}",
            hint="give each environment a database of its own",
        )


def _create(control: ControlPlane, wanted: Wanted, environment: Environment) -> None:
    name, spec, tenant, status = wanted
    try:
        control.create(name, spec, tenant=tenant, environment=environment, status=status, actor=AUTHOR)
    except Conflict:
        control.get(name)  # another process made it at the same moment: it is there, or this says so


def _follow(control: ControlPlane, there: Resource, spec: MonitorSpec) -> None:
    if there.status == RETIRED:
        control.report_status(there.urn, WATCHED)
    if not isinstance(there.spec, MonitorSpec):
        return
    wanted = {"threshold": spec.threshold, "subject": spec.subject}
    fields = {name: value for name, value in wanted.items() if getattr(there.spec, name) != value}
    if fields:
        control.patch(
            there.urn,
            fields,
            expected_revision=there.revision,
            idempotency_key=new_id("catalog"),
            actor=AUTHOR,
            reason="as the catalog in force says",
        )
