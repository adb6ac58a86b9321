"""What the processes of the platform used, stored by the hour."""

from __future__ import annotations

from foundation.errors import NotFound
from foundation.telemetry.metrics import registries
from interfaces.bootstrap.foundations import Foundations
from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_usage import SqlUsage
from platform_core.operations.usage_collecting import UsageCollector, platform_usage, serving_usage
from platform_core.urn import urn


def usage_of_serving(base: Foundations) -> UsageCollector:
    """Scores by endpoint and model for whose the endpoint is, reads by view; each worker stores its own."""
    resources = SqlResources(base.engine, base.clock, base.audit)

    def endpoint(name: str) -> Resource | None:
        try:
            return resources.get(urn("endpoint", name))
        except NotFound:
            return None

    def tenant(name: str) -> str | None:
        found = endpoint(name)
        return None if found is None else found.tenant

    def model(name: str) -> str | None:
        found = endpoint(name)
        return found.spec.model if found is not None and isinstance(found.spec, RolloutSpec) else None

    return UsageCollector(registries, serving_usage(tenant, model), SqlUsage(base.engine), base.clock)


def usage_of_platform(base: Foundations) -> UsageCollector:
    """Source rows that were taken into the online store, by view and tenant."""
    return UsageCollector(registries, platform_usage(), SqlUsage(base.engine), base.clock)
