"""Actions. Only `guardrails.executor` may call `apply`; agents get the planning half and cannot import this room."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from guardrails.executor.port import Action
from platform_core.operations.resources import ResourceReader, ResourceWriter
from platform_core.view import PlatformView

_NOT_ACTIONS = frozenset({"base", "conditions"})


@cache
def action_types() -> dict[str, type[Any]]:
    """Action classes by name, found by walking this package: a new action is one new file."""
    from tools.act.base import SpecPatchAction

    found: dict[str, type[Any]] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in _NOT_ACTIONS):
        members = vars(importlib.import_module(f"tools.act.{module}")).values()
        types = [
            m for m in members if isinstance(m, type) and issubclass(m, SpecPatchAction) and m is not SpecPatchAction
        ]
        if len(types) != 1 or types[0].name != module:
            raise TypeError(f"tools/act/{module}.py must declare one action named {module!r}, got {types!r}")
        found[module] = types[0]
    return found


def actions(reader: ResourceReader, writer: ResourceWriter | None, platform: PlatformView) -> dict[str, Action]:
    """Every action by name. Without a writer they plan, and `apply` and `find` raise Forbidden."""
    return {name: action(reader, writer, platform) for name, action in action_types().items()}
