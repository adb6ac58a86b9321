"""A catalog's plan and its items, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interfaces.terminal.output import plain, print_text
from platform_core.catalog.plan import CatalogChange, CatalogPlan, FieldChange
from platform_core.catalog.search import Item

_MEANING = {
    "entity": frozenset({"join_keys"}),
    "source": frozenset({"table", "path", "event_timestamp", "created_timestamp", "columns"}),
    "feature_view": frozenset({"entity", "sources", "aggregations", "features"}),
}
"""Fields that decide what values hold."""

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
    if views := views_to_load(plan):
        print_text(f"values of {', '.join(views)} are computed anew by: vigia features materialize {' '.join(views)}")
        print_text("  until then runs of a view that is changed fail, and its values are those of before")
    if plan.refusals:
        print_text(f"refused: models in {plan.environment} read what this would take away or change")
        for refusal in plan.refusals:
            print_text(f"  ! {refusal.what}: read by {refusal.reader}")


def views_to_load(plan: CatalogPlan) -> list[str]:
    """The feature views whose values are not there yet or mean something else once `plan` is applied."""
    views: set[str] = set()
    for change in plan.changes:
        changed = {field.field.partition("[")[0] for field in change.fields if _of_meaning(field)}
        if change.kind == "feature_view" and (change.change == "added" or changed & _MEANING["feature_view"]):
            views.add(change.name)
        elif change.change == "changed" and changed & _MEANING.get(change.kind, frozenset()):
            views |= {name for kind, _, name in (r.partition(":") for r in change.readers) if kind == "feature_view"}
    return sorted(views)


def _of_meaning(field: FieldChange) -> bool:
    """Not what is only said about a column or a feature."""
    if not field.field.startswith(("columns[", "features[")):
        return True
    before, after = field.before or {}, field.after or {}
    return before.get("dtype") != after.get("dtype") and not (field.field.startswith("columns[") and not before)


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
