"""Features for people at the command line, straight from the stores."""

from __future__ import annotations

from collections.abc import Iterable

from foundation.errors import InvalidInput
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.platform import catalog_in_force, online_store, tenants_of
from interfaces.principals import open_directory
from interfaces.settings import Settings
from platform_core.access.principals import Principal
from platform_core.access.tenancy import TenantGuard
from platform_core.features.online_response import OnlineResponse
from platform_core.features.retrieval import OnlineRetriever


def online_features(
    settings: Settings, api_key: str, features: str | list[str], entity: dict[str, object], tenant: str | None
) -> OnlineResponse:
    """Of one entity, as the person of `api_key` sees them. Without `tenant`, of the only one that they may see."""
    base = open_foundations(settings)
    principal = open_directory(settings.principals_file, settings.environment).by_api_key(api_key)
    catalog = catalog_in_force(base)
    store = online_store(settings, catalog)
    retriever = OnlineRetriever(catalog, store, base.clock, guard=TenantGuard(base.audit))
    tenant = tenant or _only_tenant(principal, tenants_of(catalog))
    return retriever.get_online_features(features, [entity], tenant, principal)


class TenantReader:
    """A person at the command line, and the tenants whose features they may read."""

    def __init__(self, base: Foundations, api_key: str) -> None:
        """Raises Unauthenticated."""
        self.principal = open_directory(base.settings.principals_file, base.settings.environment).by_api_key(api_key)
        self._guard = TenantGuard(base.audit)

    def require(self, tenant: str, **detail: object) -> None:
        """Raises Forbidden, and there is an audit entry, for a tenant that their grant does not cover."""
        self._guard.require(self.principal, tenant, detail)

    def seen(self, tenants: Iterable[str], **detail: object) -> frozenset[str]:
        """Those of `tenants` that they may read. Raises Forbidden where that is none."""
        asked = sorted(tenants)
        seen = frozenset(t for t in asked if self.principal.may_act_for(t))
        if not seen and asked:
            self.require(asked[0], **detail)
        return seen


def _only_tenant(principal: Principal, tenants: frozenset[str]) -> str:
    seen = [tenant for tenant in sorted(tenants) if principal.may_act_for(tenant)]
    if len(seen) != 1:
        raise InvalidInput("which tenant?", hint=f"--tenant, one of {', '.join(seen) or 'none that you may see'}")
    return seen[0]
