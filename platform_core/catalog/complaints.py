"""What pydantic says about an item of a catalog file, as a person is told: file, line, path, and what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, ValidationError

from platform_core.catalog.specs import COLUMN_NAME, NAME
from platform_core.catalog.yaml_file import YamlFile

_SHORTHAND = {"Entity": ("join_key",), "Aggregation": ("windows",)}
"""Keys that the files may hold and the specs do not."""

_SHAPES = {
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
}
_PATTERNS = {
    NAME: "lower-case letters, digits, '_', '.' and '-', 128 at most, with a letter or digit first",
    COLUMN_NAME: "128 characters at most, none of them white space or a colon",
}
_CHOICE = re.compile(r"'([^']*)'")


def complaints(
    file: YamlFile,
    section: str,
    position: int,
    *,
    entry: Any,
    model: type[BaseModel],
    error: ValidationError,
    positions: list[int],
) -> Iterator[str]:
    """One line for each thing that is wrong with `entry`, the item at `position`.

    `positions` are those of its aggregations in the file, by their position after expansion.
    """
    found = error.errors()
    for one in found:
        within = [o["loc"] for o in found if len(o["loc"]) > len(one["loc"])]
        if one["type"] == "too_short" and any(loc[: len(one["loc"])] == one["loc"] for loc in within):
            continue  # it is too short for what does not validate in it, and that is told
        steps: list[str | int] = [section, position]
        label, at, holder = f"{section}[{_label(entry, position)}]", model, entry
        for index, step in enumerate(one["loc"]):
            inner: Any = _inner(holder, step)
            if isinstance(step, int):
                steps.append(positions[step] if steps[-1] == "aggregations" and positions else step)
                label += f"[{_label(inner, step)}]"
            else:
                steps.append(step)
                label += f".{step}"
                last = index == len(one["loc"]) - 1
                if last and one["type"] == "extra_forbidden":
                    yield f"{file.at(*steps)}: {label}: {_extra(str(step), inner, at)}"
                    break
                at = _element(at, str(step)) or at
            holder = inner
        else:
            yield f"{file.at(*steps)}: {label}: {_said(one)}"


def yaml_keys(model: type[BaseModel]) -> list[str]:
    """The keys that an item may have in a file."""
    names = [written_name(model, name) for name in model.model_fields]
    return [*names, *_SHORTHAND.get(model.__name__, ())]


def _extra(key: str, value: Any, model: type[BaseModel]) -> str:
    if key != "windows" or key not in _SHORTHAND.get(model.__name__, ()):
        return f"unknown key{suggestion(key, yaml_keys(model))}"
    if isinstance(value, list):
        return "give window or windows, not both"
    return f"must be a list, is {_shape(value)}; write `windows: [1h, 24h]`"


def suggestion(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known keys: {', '.join(known)}"


def _said(error: Any) -> str:
    kind, given = error["type"], error["input"]
    message = str(error["msg"]).removeprefix("Value error, ")
    if kind == "value_error":
        return message
    if kind == "missing":
        return "field required"
    if kind in _SHAPES:
        return f"must be {_SHAPES[kind]}, is {_shape(given)}"
    if kind == "literal_error":
        known = [str(choice) for choice in _quoted(error["ctx"]["expected"])]
        close = get_close_matches(str(given), known, n=1)
        return f"must be one of {', '.join(known)}, got {given!r}" + (f"; did you mean {close[0]!r}?" if close else "")
    if kind == "string_pattern_mismatch":
        named = _PATTERNS.get(error["ctx"]["pattern"])
        message = f"must be {named}" if named else message
    quoted = "; quote it: YAML reads yes, no, on and off as truth values" if isinstance(given, bool) else ""
    return f"{message[:1].lower()}{message[1:]}, got {given!r}{quoted}"


def _shape(given: Any) -> str:
    match given:
        case None:
            return "empty"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return repr(given)


def _quoted(said: str) -> list[str]:
    """The choices of pydantic's `'a', 'b' or 'c'`."""
    return _CHOICE.findall(said)


def _label(entry: Any, position: int) -> Any:
    return entry.get("name", position) if isinstance(entry, dict) else position


def _inner(holder: Any, step: str | int) -> Any:
    try:
        return holder[step]
    except (KeyError, IndexError, TypeError):
        return None


def written_name(model: type[BaseModel], name: str) -> str:
    alias = model.model_fields[name].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name


def _element(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The model of what the file holds under `key`: of a list, that of its items."""
    for name, field in model.model_fields.items():
        if key in (name, written_name(model, name)):
            kinds = (field.annotation, *get_args(field.annotation))
            return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
    return None
