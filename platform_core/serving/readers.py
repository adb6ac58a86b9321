"""Which model versions are in production and what they read: what a change of the catalog must not break."""

from __future__ import annotations

from foundation.errors import NotFound
from platform_core.access.principals import Environment
from platform_core.catalog.contract import ModelReader
from platform_core.operations.resources import NO_SERVICE, Resource, ResourceReader, RolloutSpec
from platform_core.training.registry import ModelRegistry
from platform_core.training.types import ModelVersion


def model_readers(
    resources: ResourceReader, registry: ModelRegistry, environment: Environment = "production"
) -> list[ModelReader]:
    """Champions, candidates and shadows of every endpoint of `environment`; in production also the registry's versions
    of that stage, which may be rolled out at any moment. Of a version that the registry does not know all of its
    endpoint's service counts as read."""
    found: list[ModelReader] = []
    for resource in resources.list(kind="endpoint"):
        spec = resource.spec
        if not isinstance(spec, RolloutSpec) or resource.environment != environment:
            continue
        if resource.attached and spec.feature_service == NO_SERVICE:
            continue
        found += [_served(registry, resource, spec, number) for number in spec.versions]
    if environment == "production":
        served = {(reader.model, reader.version) for reader in found}
        staged = [v for name in registry.names() for v in registry.list(name) if v.stage == "production"]
        found += [_reader(v, None, None) for v in staged if (v.name, v.version) not in served]
    return found


def _served(registry: ModelRegistry, resource: Resource, spec: RolloutSpec, number: str) -> ModelReader:
    try:
        if not resource.attached:  # another platform's versions are not our registry's, whatever they are called
            return _reader(registry.get(spec.model, number), resource.urn, resource.tenant)
    except NotFound:
        pass
    return ModelReader(
        model=spec.model,
        version=number,
        endpoint=resource.urn,
        tenant=resource.tenant,
        feature_service=spec.feature_service,
        features=None,
    )


def _reader(version: ModelVersion, endpoint: str | None, tenant: str | None) -> ModelReader:
    columns = version.signature.features
    return ModelReader(
        model=version.name,
        version=version.version,
        endpoint=endpoint,
        tenant=tenant,
        feature_service=version.signature.feature_service,
        features=tuple(c.name.replace("__", ":", 1) for c in columns if c.origin == "store"),
        request_fields=tuple(c.name for c in columns if c.origin == "request"),
    )
