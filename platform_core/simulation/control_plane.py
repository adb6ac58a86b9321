"""How the company's own automation changes what is under control."""

from __future__ import annotations

from typing import Any

from foundation.ids import new_id
from platform_core.operations.resources import ControlPlane, ResourceChange


def change(resources: ControlPlane, urn: str, fields: dict[str, Any], *, actor: str, reason: str) -> ResourceChange:
    """Patch at the current revision, as a release pipeline does."""
    revision = resources.get(urn).revision
    return resources.patch(
        urn, fields, expected_revision=revision, idempotency_key=new_id("sim"), actor=actor, reason=reason
    )
