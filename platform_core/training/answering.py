"""Which endpoints answer requests with a version of a model, as the control plane has it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from platform_core.operations.rollout_spec import RolloutSpec
from platform_core.operations.tables import resources
from platform_core.urn import parse_urn


def answers_at(connection: Connection, model: str, version: str) -> list[str]:
    """Names of endpoints whose champion it is, or whose candidate with a share of the traffic; in the caller's
    transaction, so that none begins to while a move is decided."""
    rows = connection.execute(sa.select(resources.c.urn, resources.c.spec).where(resources.c.kind == "endpoint"))
    specs = [(parse_urn(urn)[1], RolloutSpec.model_validate(spec)) for urn, spec in rows]
    return sorted(name for name, spec in specs if spec.model == model and version in _answering(spec))


def _answering(spec: RolloutSpec) -> tuple[str | None, ...]:
    return (spec.champion, spec.canary if spec.live_percent > 0 else None)
