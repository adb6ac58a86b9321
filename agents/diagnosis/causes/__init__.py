"""The catalogue of causes: one file each, found by walking this package."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from agents.diagnosis.cause import Cause


@cache
def causes() -> dict[str, Cause]:
    """Causes by id, in order of id."""
    found: dict[str, Cause] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        cause = getattr(importlib.import_module(f"agents.diagnosis.causes.{module}"), "CAUSE", None)
        if not isinstance(cause, Cause) or cause.id != module:
            raise TypeError(f"agents/diagnosis/causes/{module}.py must declare CAUSE with id={module!r}")
        found[cause.id] = cause
    return found
