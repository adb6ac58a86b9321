"""The lineage graph, from what the catalog declares and what the control plane runs.

    deployment -> connector -> source -> feature view -> feature service -> model -> endpoint
    job materialize-<view> -> feature view
    job online-compaction -> store:online -> every endpoint
    any other job -> its subject

Endpoints, their models and connectors come from resources: the catalog does not know who reads it.
"""

from __future__ import annotations

from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog
from platform_core.operations.resources import ConnectorSpec, DeploymentSpec, JobSpec, Resource, RolloutSpec
from platform_core.urn import urn

ONLINE_STORE = urn("store", "online")


def build_lineage(catalog: Catalog, resources: list[Resource]) -> Lineage:
    """Edges over URNs; nodes of one tenant (sources, their connectors and deployments, endpoints) carry it."""
    edges: list[tuple[str, str]] = []
    tenants: dict[str, str] = {}
    carried = {r.spec.source for r in resources if isinstance(r.spec, ConnectorSpec)}
    for source in catalog.sources:
        node = first = urn("source", source.name)
        tenants[node] = source.tenant
        if source.name in carried:
            first = urn("connector", source.name)
            tenants[first] = source.tenant
            edges.append((first, node))
        if source.deployment is not None:
            deployment = urn("deployment", source.deployment)
            tenants[deployment] = source.tenant
            edges.append((deployment, first))
    for view in catalog.feature_views:
        node = urn("feature_view", view.name)
        edges += [(urn("source", source), node) for source in view.sources]
        edges.append((urn("job", f"materialize-{view.name}"), node))
    for service in catalog.feature_services:
        views = dict.fromkeys(reference.split(":", 1)[0] for reference in service.features)
        edges += [(urn("feature_view", view), urn("feature_service", service.name)) for view in views]
    for resource in resources:
        edges += _resource_edges(resource)
        if resource.tenant is not None:
            tenants[resource.urn] = resource.tenant
    return Lineage(edges, tenants)


def _resource_edges(resource: Resource) -> list[tuple[str, str]]:
    match resource.spec:
        case RolloutSpec() as rollout:
            model = urn("model", rollout.model)
            return [
                (urn("feature_service", rollout.feature_service), model),
                (model, resource.urn),
                (ONLINE_STORE, resource.urn),
            ]
        case JobSpec() as job:
            return [(resource.urn, job.subject)]
        case ConnectorSpec() as connector:
            return [(resource.urn, urn("source", connector.source))]
        case DeploymentSpec() as deployment:
            return [(resource.urn, urn("connector", deployment.source))]
        case _:
            return []
