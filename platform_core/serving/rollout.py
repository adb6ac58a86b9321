"""Which variant of an endpoint scores a request: a share of the cards, and always the same ones."""

from __future__ import annotations

import hashlib
from typing import Literal

Variant = Literal["champion", "canary"]

_BUCKETS = 10_000


def variant(key: str, *, salt: str, canary_percent: int) -> Variant:
    """The variant for `key` (a card). Sticky: a card that is in at 10 % is still in at 20 %.

    `salt` names the rollout (endpoint and canary version), so that the next one tries other cards first.
    """
    if canary_percent <= 0:
        return "champion"
    bucket = int.from_bytes(hashlib.blake2b(f"{salt}\0{key}".encode(), digest_size=8).digest()) % _BUCKETS
    return "canary" if bucket < canary_percent * (_BUCKETS // 100) else "champion"
