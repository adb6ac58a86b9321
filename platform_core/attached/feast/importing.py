"""Importing Feast without what that does to the process."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module

_SET_BY_FEAST = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def feast_imports() -> Generator[None]:
    """Import Feast inside. It makes every metric of a process, and of its children, one of several processes' by an
    environment variable that it sets when imported: our metrics stay as they are, and so does the environment."""
    # What kind of values metrics have is decided once, when this is imported: before Feast can have a say.
    import_module("prometheus_client.values")
    before = os.environ.get(_SET_BY_FEAST)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_SET_BY_FEAST, None)
