"""A say in a change, inside its transaction: what must be true at that moment, and what has to be written with it.

A kind of resource whose spec is only one half of the truth (a model's stage is kept by the model registry) names an
admission. It reads and writes on the connection of the change; what it raises undoes all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from foundation.errors import Forbidden, VigiaError
from platform_core.operations.resources import Resource
from platform_core.operations.spec_patch import SpecPatch, patch_spec

ADMITTED = frozenset({"model"})
"""Kinds that are not changed without their admission: a process that has none cannot change them at all."""


class Admission(Protocol):
    def prepare(self, resource: Resource, patch: SpecPatch) -> object:
        """What takes its time (files, other systems), looked at before the transaction; `admit` is handed what comes of
        it, or is not asked where this raised a VigiaError."""
        return None

    def admit(
        self, connection: Connection, resource: Resource, patch: SpecPatch, prepared: object, *, actor: str
    ) -> None:
        """Raises Conflict or Forbidden for a change that may not be; nothing is changed then. It looks again, quickly,
        at what `prepared` rests upon."""
        ...


Admissions = Mapping[str, Admission]
"""By kind of resource."""


def prepare(admissions: Admissions, resource: Resource, fields: dict[str, Any]) -> object:
    """Before the transaction. A refusal is a value: `admit` raises it, when the change is not an earlier one again."""
    admission = admissions.get(resource.spec.kind)
    try:
        return None if admission is None else admission.prepare(resource, patch_spec(resource.spec, fields))
    except VigiaError as refusal:
        return refusal


def admit(
    admissions: Admissions,
    connection: Connection,
    resource: Resource,
    patch: SpecPatch,
    prepared: object,
    *,
    actor: str,
) -> None:
    """Ask whoever has a say in `resource`. Raises Forbidden when it needs one and there is none here."""
    kind = resource.spec.kind
    admission = admissions.get(kind)
    if isinstance(prepared, VigiaError):
        raise prepared
    if admission is not None:
        admission.admit(connection, resource, patch, prepared, actor=actor)
    elif kind in ADMITTED:
        raise Forbidden(
            f"{resource.urn!r} cannot be changed from here: this process keeps no {kind} registry",
            hint="ask the control API of `vigia platform serve`",
        )
