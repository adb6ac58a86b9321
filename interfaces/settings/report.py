"""`vigia config check`: every setting with its value and where it came from, and what is wrong and how to mend it."""

from __future__ import annotations

import os
from typing import Any, Literal

from pydantic import BaseModel, SecretStr

from foundation.frozen import Frozen
from foundation.secrets.setting import ReferredSecret
from foundation.secrets.urls import masked_url
from interfaces.settings.consistency import contradictions, warnings
from interfaces.settings.loading import try_settings
from interfaces.settings.model import Settings
from interfaces.settings.references import unresolved
from interfaces.settings.schema import Leaf, leaves


class SettingLine(Frozen):
    name: str
    value: str | None
    origin: Literal["environment", "default"]
    variable: str


class ConfigReport(Frozen):
    """`problems` keep the processes from starting; `warnings` do not."""

    ok: bool
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    settings: tuple[SettingLine, ...]


def config_report() -> ConfigReport:
    settings, problems = try_settings()
    lines = () if settings is None else tuple(_lines(settings))
    doubts: list[str] = []
    if settings is not None:
        problems = problems + contradictions(settings) + unresolved(settings)
        doubts = warnings(settings)
    return ConfigReport(ok=not problems, problems=tuple(problems), warnings=tuple(doubts), settings=lines)


def _lines(settings: Settings) -> list[SettingLine]:
    variables = {name.upper() for name in os.environ}
    found: list[SettingLine] = []
    for leaf in leaves():
        if "<name>" in leaf.path:
            at = leaf.path.index("<name>")
            names = sorted(_value(settings, leaf.path[:at]) or {})
            expanded = [Leaf((*leaf.path[:at], name, *leaf.path[at + 1 :])) for name in names]
        else:
            expanded = [leaf]
        found.extend(_line(settings, each, variables) for each in expanded)
    return found


def _line(settings: Settings, leaf: Leaf, variables: set[str]) -> SettingLine:
    prefixes = {Leaf(leaf.path[: i + 1]).variable for i in range(len(leaf.path))}
    return SettingLine(
        name=leaf.name,
        value=_shown(_value(settings, leaf.path)),
        origin="environment" if prefixes & variables else "default",
        variable=leaf.variable,
    )


def _value(settings: BaseModel, path: tuple[str, ...]) -> Any:
    value: Any = settings
    for part in path:
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, ReferredSecret):
        return str(value.reference)
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, frozenset):
        return ",".join(sorted(str(item) for item in value))
    return masked_url(value) if isinstance(value, str) else str(value)
