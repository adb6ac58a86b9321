"""A catalog's plan and its items, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interfaces.terminal.output import plain, print_text
from platform_core.catalog.plan import CatalogChange, CatalogPlan, FieldChange
from platform_core.catalog.search import Item

_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


def print_plan(plan: CatalogPlan, *, applied: bool = False) -> None:
    """What changes, field by field, with everybody downstream; then what is refused."""
    if not plan.changes:
        print_text(f"{plan.environment}: no changes, version {plan.base_version} is in force")
        return
    version = plan.base_version + 1
    verb = "is in force now" if applied else "would be the next"
    print_text(f"{plan.environment}: version {version} {verb} (digest {plan.digest[:12]})")
    for change in plan.changes:
        for line in _change(change):
            print_text(line)
    if plan.refusals:
        print_text(f"refused: models in {plan.environment} read what this would take away or change")
        for refusal in plan.refusals:
            print_text(f"  ! {refusal.what}: read by {refusal.reader}")


def print_item(item: Item) -> None:
    """Every field of it that says something, as in the files."""
    for line in _lines(plain(item), ""):
        print_text(line)


def _change(change: CatalogChange) -> Iterator[str]:
    yield f"  {_SIGNS[change.change]} {change.kind} {change.name}"
    for field in change.fields:
        yield from (f"      {line}" for line in _field(field))
    if change.readers:
        yield f"      read by {', '.join(change.readers)}"


def _field(field: FieldChange) -> Iterator[str]:
    before, after = field.before, field.after
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            if before.get(key) != after.get(key):
                yield f"{field.field}.{key}: {_value(before.get(key))} -> {_value(after.get(key))}"
    elif isinstance(after, dict):
        yield f"{field.field}: added"
    elif isinstance(before, dict):
        yield f"{field.field}: removed"
    else:
        yield f"{field.field}: {_value(before)} -> {_value(after)}"


def _lines(value: dict[str, Any], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        if inner is None or inner in ([], ""):
            continue
        if isinstance(inner, dict):
            yield f"{indent}{key}:"
            yield from _lines(inner, f"{indent}  ")
        elif isinstance(inner, list) and isinstance(inner[0], dict):
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {_flat(item)}" for item in inner)
        else:
            yield f"{indent}{key}: {_value(inner)}"


def _flat(item: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {_value(value)}" for key, value in item.items() if value not in (None, ""))


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
