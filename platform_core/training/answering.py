"""Which endpoints answer requests with a version of a model, as the control plane has it."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from platform_core.operations.resources import Resource
from platform_core.operations.rollout_spec import RolloutSpec
from platform_core.operations.tables import resources
from platform_core.urn import parse_urn


def answers_at(connection: Connection, model: str, version: str) -> list[str]:
    """Names of endpoints whose champion it is, or whose candidate with a share of the traffic; in the caller's
    transaction, so that none begins to while a move is decided."""
    return sorted(
        parse_urn(one.urn)[1]
        for one in serving(endpoints(connection), model)
        if isinstance(one.spec, RolloutSpec) and version in _answering(one.spec)
    )


def endpoints(connection: Connection) -> list[Resource]:
    """All that the control plane has, in the caller's transaction."""
    rows = connection.execute(sa.select(resources).where(resources.c.kind == "endpoint")).mappings()
    return [Resource.model_validate({name: value for name, value in row.items() if name != "kind"}) for row in rows]


def serving(found: Iterable[Resource], model: str) -> list[Resource]:
    """Those endpoints of `found` that serve `model`, whichever version, in order of their names."""
    of_model = (one for one in found if isinstance(one.spec, RolloutSpec) and one.spec.model == model)
    return sorted(of_model, key=lambda one: one.urn)


def _answering(spec: RolloutSpec) -> tuple[str | None, ...]:
    return (spec.champion, spec.canary if spec.live_percent > 0 else None)
