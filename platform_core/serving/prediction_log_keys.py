"""What the prediction log keeps of an entity's key: as it is where the catalog calls it harmless, else a pseudonym.

A pseudonym is a keyed hash (BLAKE2b, RFC 7693, with the platform's own key): the same card has the same one on every
worker and every day, so that rows of one card can be counted together and labels by card can be joined by whoever holds
the key, and nobody else can try cards out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache

from platform_core.catalog.specs import Catalog

_REMEMBERED = 65_536


def entity_pseudonyms(key: bytes) -> Callable[[str], str]:
    """128 bits in hex for each entity key."""

    @lru_cache(_REMEMBERED)
    def pseudonym(entity: str) -> str:
        return hashlib.blake2b(entity.encode(), digest_size=16, key=key).hexdigest()

    return pseudonym


def needs_pseudonyms(catalog: Catalog) -> bool:
    """Whether some source classifies a column that identifies an entity as anything but `none`."""
    keys = {key for entity in catalog.entities for key in entity.join_keys}
    return any(column.pii != "none" for source in catalog.sources for column in source.columns if column.name in keys)
