"""Moves of versions between stages, in the caller's transaction: where each is, and the record of how it came there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.errors import NotFound
from foundation.ids import new_id
from platform_core.training.stages import require_step
from platform_core.training.tables import model_transitions, model_versions
from platform_core.training.types import Stage
from platform_core.urn import urn

_moves = model_transitions


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version is and how it came there; `ordinal` counts its moves from 0, when it was registered."""

    version: str
    stage: Stage
    ordinal: int
    since: datetime
    review: str | None
    instead_of: str | None
    """The version that it replaced in production."""


def hold(connection: Connection, name: str) -> None:
    """Let no other transaction move a version of the model until this one ends: what is found out from here on holds
    when it commits. On SQLite writers are one at a time anyway."""
    query = sa.select(model_versions.c.version).where(model_versions.c.name == name)
    connection.execute(query.order_by(model_versions.c.version).with_for_update()).all()


def places(connection: Connection, name: str) -> list[Place]:
    """Of every version of the model, oldest first."""
    newest = (
        sa.select(_moves.c.version, sa.func.max(_moves.c.ordinal).label("ordinal"))
        .where(_moves.c.name == name)
        .group_by(_moves.c.version)
        .subquery()
    )
    rows = connection.execute(
        sa.select(_moves)
        .join(newest, sa.and_(_moves.c.version == newest.c.version, _moves.c.ordinal == newest.c.ordinal))
        .where(_moves.c.name == name)
        .order_by(_moves.c.version)
    ).mappings()
    return [
        Place(
            version=str(row["version"]),
            stage=row["to_stage"],
            ordinal=row["ordinal"],
            since=row["at"],
            review=row["review"],
            instead_of=None if row["instead_of"] is None else str(row["instead_of"]),
        )
        for row in rows
    ]


def place_of(connection: Connection, name: str, version: str) -> Place:
    """Raises NotFound, naming the versions that there are."""
    known = {place.version: place for place in places(connection, name)}
    if version not in known:
        hint = f"it has {', '.join(known)}" if known else "no version of it is registered"
        raise NotFound(f"there is no version {version!r} of model {name!r}", hint=hint)
    return known[version]


def in_production(connection: Connection, name: str) -> Place | None:
    """The version in production; the newest of them, should there be several from before there was one at most."""
    found = [place for place in places(connection, name) if place.stage == "production"]
    return max(found, key=lambda place: int(place.version)) if found else None


def was_in_production(connection: Connection, name: str, version: str | None = None) -> bool:
    """Whether the version, or any of the model, is or ever was."""
    query = sa.select(_moves.c.id).where(_moves.c.name == name, _moves.c.to_stage == "production").limit(1)
    if version is not None:
        query = query.where(_moves.c.version == int(version))
    return connection.execute(query).first() is not None


def last_review_in_production(connection: Connection, name: str, version: str) -> str | None:
    """Under which review the version last came into production; None also when that was without one."""
    return connection.scalar(
        sa.select(_moves.c.review)
        .where(_moves.c.name == name, _moves.c.version == int(version), _moves.c.to_stage == "production")
        .order_by(_moves.c.ordinal.desc())
        .limit(1)
    )


def replaced(connection: Connection, name: str, version: str) -> str | None:
    """What the version replaced when it last came into production: where the way back from it leads."""
    found = connection.scalar(
        sa.select(_moves.c.instead_of)
        .where(_moves.c.name == name, _moves.c.version == int(version), _moves.c.to_stage == "production")
        .order_by(_moves.c.ordinal.desc())
        .limit(1)
    )
    return None if found is None else str(found)


def move(
    connection: Connection,
    audit: AuditLog,
    name: str,
    version: str,
    becomes: Stage,
    *,
    actor: str,
    at: datetime,
    review: str | None = None,
    instead_of: str | None = None,
) -> None:
    """One step, with its audit entry.

    Raises Conflict for a step that there is none of. Two moves of one version at the same moment take the same ordinal:
    the second's INSERT raises IntegrityError, which is the caller's to translate.
    """
    place = place_of(connection, name, version)
    require_step(f"{name} version {version}", place.stage, becomes)
    connection.execute(
        _moves.insert().values(
            id=new_id("mtr"),
            name=name,
            version=int(version),
            ordinal=place.ordinal + 1,
            from_stage=place.stage,
            to_stage=becomes,
            actor=actor,
            at=at,
            review=review,
            instead_of=None if instead_of is None else int(instead_of),
        )
    )
    payload: dict[str, object] = {"version": version, "from": place.stage, "to": becomes}
    payload |= {} if review is None else {"review": review}
    payload |= {} if instead_of is None else {"instead_of": instead_of}
    audit.append(
        AuditRecord(action="model.promoted", actor=actor, subject=urn("model", name), payload=payload),
        connection=connection,
    )
