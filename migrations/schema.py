"""Every table of every room, in one place for Alembic."""

from __future__ import annotations

import importlib
import pkgutil

import sqlalchemy as sa

from foundation.database import metadata

ROOMS = ("audit", "platform_core", "guardrails", "agents", "interfaces")


def target_metadata() -> sa.MetaData:
    """The metadata after every `tables` module of the rooms has been imported: a new one is found by its name."""
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if module.name.rsplit(".", 1)[-1] == "tables":
                importlib.import_module(module.name)
    return metadata
