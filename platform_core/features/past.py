"""Point-in-time features on somebody's behalf: the join, behind the caller's grant."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from foundation.errors import InvalidInput, TooLarge
from platform_core.access.principals import Principal
from platform_core.access.tenancy import TenantGuard
from platform_core.catalog.specs import Catalog
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.port import OfflineStore
from platform_core.features.point_in_time.entity_rows import TENANT
from platform_core.features.point_in_time.newest import AsOf
from platform_core.features.retrieval import MAX_ROWS, unknown_tenant


class PastFeatures:
    """Reads of one tenant at a time."""

    def __init__(self, catalog: Catalog, offline: OfflineStore, guard: TenantGuard) -> None:
        self._catalog = catalog
        self._offline = offline
        self._guard = guard

    def get_historical_features(
        self,
        features: str | Sequence[str],
        entity_rows: pa.Table,
        tenant: str,
        principal: Principal,
        *,
        as_of: AsOf = "event",
        full_feature_names: bool = True,
        statuses: bool = False,
    ) -> pa.Table:
        """As the function of that name. Raises Forbidden (audited) for a tenant that the grant of `principal` does not
        cover, NotFound for one that is none, TooLarge beyond MAX_ROWS, InvalidInput for rows that name tenants."""
        asked = features if isinstance(features, str) else ", ".join(features)
        self._guard.require(principal, tenant, {"features": asked[:1000], "past": True})
        known = {source.tenant for source in self._catalog.sources}
        if tenant not in known:
            raise unknown_tenant(tenant, known, principal)
        if len(entity_rows) > MAX_ROWS:
            hint = f"ask for at most {MAX_ROWS} at once, or read where the history is: vigia features historical"
            raise TooLarge(f"{len(entity_rows)} entity rows in one request", hint=hint)
        if TENANT in entity_rows.column_names:
            raise InvalidInput(
                f"entity rows have a column {TENANT!r}", hint="the request names the tenant: leave it out"
            )
        return get_historical_features(
            self._offline,
            self._catalog,
            features,
            entity_rows,
            as_of=as_of,
            tenant=tenant,
            full_names=full_feature_names,
            statuses=statuses,
        )
