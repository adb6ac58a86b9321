"""What pydantic says about an item of a catalog file, as a person is told: file, line, path, and what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, ValidationError

from platform_core.catalog.yaml_file import YamlFile

_SHORTHAND = {"Entity": ("join_key",), "Aggregation": ("windows",)}
"""Keys that the files may hold and the specs do not."""


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
    for one in error.errors():
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
                    yield f"{file.at(*steps)}: {label}: unknown key{suggestion(str(step), yaml_keys(at))}"
                    break
                at = _element(at, str(step)) or at
            holder = inner
        else:
            yield f"{file.at(*steps)}: {label}: {_said(one)}"


def yaml_keys(model: type[BaseModel]) -> list[str]:
    """The keys that an item may have in a file."""
    names = [written_name(model, name) for name in model.model_fields]
    return [*names, *_SHORTHAND.get(model.__name__, ())]


def suggestion(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known keys: {', '.join(known)}"


def _said(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    message = f"{message[:1].lower()}{message[1:]}" if error["type"] != "value_error" else message
    if error["type"] in {"missing", "value_error"}:
        return message
    quoted = "; quote it: YAML reads yes, no, on and off as truth values" if isinstance(error["input"], bool) else ""
    return f"{message}, got {error['input']!r}{quoted}"


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
