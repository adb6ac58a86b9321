"""The online store: the newest feature row per tenant, view and entity key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

OnlineStatus = Literal["present", "expired", "missing"]


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """The values of one view for one entity key as of `event_ts`. A value may be None: null is a value."""

    key: str
    event_ts: datetime
    created_ts: datetime
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """What was read for one (view, key). `expired`: the row is older than the ttl; its values are hidden."""

    view: str
    key: str
    status: OnlineStatus
    event_ts: datetime | None
    values: Mapping[str, float | None]


class OnlineStore(Protocol):
    """The tenant is part of every key: there is no call that reads across tenants.

    Raises Unavailable when the store does not answer.
    """

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        """Newest wins by (event_ts, created_ts): older or equal rows never overwrite. Returns rows stored."""
        ...

    def restore(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        """Set rows even over newer ones: the way back to last-known-good values under a quarantine."""
        ...

    def read(
        self, tenant: str, keys: Sequence[tuple[str, str]], *, now: datetime, ttls: Mapping[str, timedelta]
    ) -> list[OnlineRow]:
        """One row per (view, key) asked for, in that order, in one round trip."""
        ...

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        """Event time of the newest row of the view: what freshness is measured against."""
        ...

    def sample(self, tenant: str, view: str, limit: int) -> list[FeatureRow]:
        """Up to `limit` of the most recently written rows: what the parity check compares with offline."""
        ...
