"""Which variant of an endpoint scores a request: a share of the cards, and always the same ones."""

from __future__ import annotations

import hashlib
from typing import Literal

from platform_core.operations.rollout_spec import RolloutSpec

Variant = Literal["champion", "canary"]

_BUCKETS = 10_000


def variant(key: str, *, salt: str, canary_percent: int) -> Variant:
    """The variant for `key` (a card). Sticky: a card that is in at 10 % is still in at 20 %.

    `salt` names the rollout (endpoint and canary version), so that the next one tries other cards first.
    """
    if canary_percent <= 0:
        return "champion"
    if canary_percent >= 100:
        return "canary"
    bucket = int.from_bytes(hashlib.blake2b(f"{salt}\0{key}".encode(), digest_size=8).digest()) % _BUCKETS
    return "canary" if bucket < canary_percent * (_BUCKETS // 100) else "champion"


def choose(endpoint: str, spec: RolloutSpec, key: str) -> Variant:
    """The variant that answers the entity `key` at `endpoint` now. A halted candidate answers nobody."""
    percent = spec.live_percent
    return "champion" if percent == 0 else variant(key, salt=f"{endpoint}:{spec.canary}", canary_percent=percent)


def logged(spec: RolloutSpec, request_id: str) -> bool:
    """Whether the prediction log keeps this request: the same answer for the same id, on every worker."""
    share = spec.prediction_log_share
    if share >= 1:
        return True
    bucket = int.from_bytes(hashlib.blake2b(b"log\0" + request_id.encode(), digest_size=8).digest()) % _BUCKETS
    return bucket < round(share * _BUCKETS)
