"""What the online store's keys in Redis are called.

vigia:row:<scope>:<key>      a packed row (`layout`)
vigia:layout:<id>            how it is read, JSON
vigia:written:<scope>        list: the keys written last, up to 10,000, for samples
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from platform_core.features.online.scope import scope_name


@lru_cache(maxsize=4096)
def row_prefix(tenant: str, view: str) -> str:
    return f"vigia:row:{scope_name(tenant, view)}:"


def row_names(tenant: str, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Of all views and keys, in order."""
    names: list[str] = []
    for view, keys in wanted:
        prefix = row_prefix(tenant, view)
        names += [prefix + key for key in keys]
    return names


def layout_name(reference: bytes) -> str:
    return f"vigia:layout:{reference.hex()}"


def written_name(tenant: str, view: str) -> str:
    return f"vigia:written:{scope_name(tenant, view)}"
