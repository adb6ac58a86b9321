"""What a patch does to a spec: validated fields, the fields as they were, and what kind of change it is.

Pure functions, so that a dry run computes exactly what the control plane would do.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from foundation.errors import InvalidInput
from platform_core.operations.resources import ModelSpec, RolloutSpec, SourceSpec, Spec
from platform_core.operations.timeline import ChangeKind

SPEC: TypeAdapter[Spec] = TypeAdapter(Spec)

_ROLLOUT_FIELDS = frozenset({"model", "champion", "canary", "canary_percent", "strategy", "shadows", "halted"})
_SCALE_FIELDS = frozenset({"replicas", "hourly_cost_per_replica_usd"})


@dataclass(frozen=True, slots=True)
class SpecPatch:
    """`before` and `after` hold the fields that really change, as JSON values."""

    spec: Spec
    before: dict[str, Any]
    after: dict[str, Any]


def patch_spec(spec: Spec, fields: dict[str, Any]) -> SpecPatch:
    """`spec` with `fields` set.

    Raises InvalidInput for an unknown field (naming the nearest one), for a value that does not validate, and for a
    patch under which nothing would change.
    """
    if not fields:
        raise InvalidInput("the patch sets no field", hint=f"fields of a {spec.kind}: {_field_names(spec)}")
    for name in fields:
        _check_field(spec, name)
    try:
        new = SPEC.validate_python({**spec.model_dump(), **fields})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
        raise InvalidInput(f"the {spec.kind}'s new spec does not validate: {problems}") from error
    was, becomes = spec.model_dump(mode="json"), new.model_dump(mode="json")
    if was == becomes:
        shown = ", ".join(f"{name}={was[name]!r}" for name in fields)
        raise InvalidInput(f"nothing to change: {shown} already", hint="read the resource again")
    return SpecPatch(new, {name: was[name] for name in fields}, {name: becomes[name] for name in fields})


def change_kind(spec: Spec, fields: frozenset[str]) -> ChangeKind:
    """What the timeline calls a change of `fields` of such a spec."""
    if spec.kind in ("deployment", "job"):
        return "deploy" if spec.kind == "deployment" else "job"
    if isinstance(spec, SourceSpec) and "quarantine_since" in fields:
        return "quarantine"
    if isinstance(spec, RolloutSpec) and fields & _ROLLOUT_FIELDS:
        return "rollout"
    if isinstance(spec, ModelSpec) and "trainings" in fields:
        return "job"
    if isinstance(spec, RolloutSpec) and fields <= _SCALE_FIELDS:
        return "scale"
    return "config"


def as_json(fields: dict[str, Any]) -> dict[str, Any]:
    """`fields` as JSON values: datetimes as ISO 8601. Raises InvalidInput for what JSON has no form of."""
    try:
        return to_jsonable_python(fields)
    except ValueError as error:
        raise InvalidInput(f"the patch cannot be written as JSON: {error}") from error


def _check_field(spec: Spec, name: str) -> None:
    names = _field_names(spec)
    if name == "kind":
        raise InvalidInput("a resource's kind cannot be changed")
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names)}"
        raise InvalidInput(f"a {spec.kind} has no field {name!r}", hint=hint)


def _field_names(spec: Spec) -> list[str]:
    return [name for name in type(spec).model_fields if name != "kind"]
