"""Every gate there is, found by walking `platform_core.training.gates.checks`: a new gate is one new file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from platform_core.training.gates import checks
from platform_core.training.gates.port import Gate


@cache
def all_gates() -> dict[str, Gate]:
    """By name, in order of name. A module that declares no `GATE`, or another's name, is a mistake of ours."""
    found: dict[str, Gate] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(checks.__path__)):
        gate = getattr(importlib.import_module(f"{checks.__name__}.{module}"), "GATE", None)
        if gate is None or gate.name != module:
            raise TypeError(f"gates/checks/{module}.py must declare GATE with name={module!r}, got {gate!r}")
        found[gate.name] = gate
    return found
