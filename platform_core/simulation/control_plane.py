"""The control plane as the company's own automation uses it: it may also create resources and report their status."""

from __future__ import annotations

from typing import Any, Protocol

from foundation.ids import new_id
from platform_core.access.principals import Environment
from platform_core.operations.resources import Resource, ResourceChange, ResourceReader, ResourceWriter, Spec


class ControlPlane(ResourceReader, ResourceWriter, Protocol):
    def create(
        self,
        urn: str,
        spec: Spec,
        *,
        tenant: str | None = None,
        environment: Environment = "production",
        status: dict[str, Any] | None = None,
        actor: str,
    ) -> Resource: ...

    def report_status(self, urn: str, status: dict[str, Any]) -> None: ...


def change(resources: ControlPlane, urn: str, fields: dict[str, Any], *, actor: str, reason: str) -> ResourceChange:
    """Patch at the current revision, as a release pipeline does."""
    revision = resources.get(urn).revision
    return resources.patch(
        urn, fields, expected_revision=revision, idempotency_key=new_id("sim"), actor=actor, reason=reason
    )
