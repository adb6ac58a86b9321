"""What a principal may look at through a tool: the tenants a call touches must be the principal's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from platform_core.access.principals import MAY_PROPOSE
from platform_core.catalog.lineage import Lineage

MAY_ASK = MAY_PROPOSE
_OWNED = ("source", "connector", "deployment", "endpoint")


class Scope:
    """Whoever may not ask about all `tenants` (`*`) may make only calls that name one of theirs."""

    def __init__(self, lineage: Lineage, tenants: frozenset[str]) -> None:
        self._lineage = lineage
        self._mine = tenants

    def allows(self, arguments: Mapping[str, Any]) -> bool:
        if "*" in self._mine:
            return True
        touched = self._tenants(arguments)
        return bool(touched) and touched <= self._mine

    def _tenants(self, arguments: Mapping[str, Any]) -> set[str]:
        touched: set[str] = set()
        for name, value in arguments.items():
            if not isinstance(value, str):
                continue
            if name == "tenant":
                touched.add(value)
                continue
            for urn in (value, *(f"urn:vigia:{kind}:{value}" for kind in _OWNED)):
                tenant = self._lineage.tenant(urn)
                if tenant is not None:
                    touched.add(tenant)
        return touched
