"""Every observe tool there is, found by walking `tools.observe`: a new tool is one new file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

import tools.observe
from tools.contract import ObserveTool


@cache
def observe_tools() -> dict[str, ObserveTool[Any]]:
    """Tools by name, in order of name. A module that declares no `TOOL`, or another's name, is a mistake of ours."""
    found: dict[str, ObserveTool[Any]] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(tools.observe.__path__)):
        tool = getattr(importlib.import_module(f"tools.observe.{module}"), "TOOL", None)
        if tool is None or tool.name != module:
            raise TypeError(f"tools/observe/{module}.py must declare TOOL with name={module!r}, got {tool!r}")
        found[tool.name] = tool
    return found
