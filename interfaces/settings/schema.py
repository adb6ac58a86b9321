"""Walks the settings model by environment variable name: which names exist, and which was meant by a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from interfaces.settings.model import DELIMITER, PREFIX, Settings


@dataclass(frozen=True)
class Leaf:
    """One setting: its path (`("http", "port")`) and the variable that sets it."""

    path: tuple[str, ...]

    @property
    def variable(self) -> str:
        return PREFIX + DELIMITER.join(self.path).upper()

    @property
    def name(self) -> str:
        return ".".join(self.path)


def leaves(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every setting there is. A name that the person chooses (an alert source) appears as `<name>`."""
    for name, field in model.model_fields.items():
        inner, chosen = _inner_model(field.annotation)
        here = (*path, name)
        if inner is None:
            yield Leaf(here)
        else:
            yield from leaves(inner, (*here, "<name>") if chosen else here)


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables with our prefix that set nothing, each with a hint: the name that was probably meant."""
    known = list(leaves())
    wrong: dict[str, str] = {}
    for variable in sorted(v for v in environment if v.upper().startswith(PREFIX)):
        path = tuple(variable[len(PREFIX) :].lower().split(DELIMITER))
        if any(_matches(leaf.path, path) or _covers(leaf.path, path) for leaf in known):
            continue
        names = [_named(leaf.path, path) for leaf in known]
        close = difflib.get_close_matches(variable.upper(), names, n=1, cutoff=0.6)
        wrong[variable] = f"did you mean {close[0]}?" if close else "see `vigia config check` for the names there are"
    return wrong


def _inner_model(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The nested model of an annotation, and whether it stands behind names the person chooses."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is dict:
        value = get_args(annotation)[1]
        if isinstance(value, type) and issubclass(value, BaseModel):
            return value, True
    return None, False


def _matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(p in ("<name>", q) and q for p, q in zip(pattern, path, strict=True))


def _covers(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether `path` is a whole section, which may be given as one JSON value."""
    return len(path) < len(pattern) and _matches(pattern[: len(path)], path)


def _named(pattern: tuple[str, ...], path: tuple[str, ...]) -> str:
    filled = [path[i] if p == "<name>" and i < len(path) else p for i, p in enumerate(pattern)]
    return Leaf(tuple(filled)).variable
