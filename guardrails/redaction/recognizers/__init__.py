"""The recognizers: one file holds one, as `RECOGNIZER`, and is found here by being in this folder."""

from __future__ import annotations

import importlib
import pkgutil

from guardrails.redaction.recognizer import Recognizer


def recognizers() -> tuple[Recognizer, ...]:
    """Every recognizer of this package, in the order of their files' names."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return tuple(module.RECOGNIZER for module in modules)
