"""The line between tenants: who reads across it is refused, and the refusal is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.errors import Forbidden
from platform_core.access.principals import Principal


class TenantGuard:
    """Asked before anything of a tenant is read on behalf of somebody."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    def require(self, principal: Principal, tenant: str, detail: Mapping[str, Any]) -> None:
        """Raises Forbidden unless the grant of `principal` covers `tenant`, in the same words whether there is such a
        tenant or not, after an audit entry (Unavailable when that cannot be written: the read is
        refused either way). `detail`: JSON values without personal data."""
        if principal.may_act_for(tenant):
            return
        shown = (tenant if tenant.isprintable() else ascii(tenant))[:128]
        self._audit.append(
            AuditRecord(
                action="read.refused",
                actor=principal.id,
                subject=f"tenant:{shown}",
                tenant=shown,
                payload=dict(detail),
            )
        )
        granted = ", ".join(sorted(principal.tenants_with())) or "none"
        raise Forbidden(f"{principal.id} may not read features of tenant {shown!r}", hint=f"granted: {granted}")
