"""The online store: the newest feature row per tenant, view and entity key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from platform_core.features.online.batch import RowBatch, RowStatus
from platform_core.features.online.rows import FeatureRow
from platform_core.features.values import FeatureValue

__all__ = ["AskedStore", "FeatureRow", "OnlineRow", "OnlineStore"]


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """What was read for one (view, key). Values are there only when `present`."""

    view: str
    key: str
    status: RowStatus
    event_ts: datetime | None
    values: Mapping[str, FeatureValue]


class OnlineStore(Protocol):
    """The tenant is part of every key: there is no call that reads across tenants.

    Every call raises Unavailable, naming the address, when the store does not answer. Nothing is half-written: of a
    batch that cannot be packed (InvalidInput, naming key and feature) nothing is stored, and a key's row is replaced
    as a whole or not at all.
    """

    @property
    def embedded(self) -> bool:
        """Whether a read waits for nobody outside this process, as things are."""
        return False

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        """Newest wins by (event_ts, created_ts), decided atomically in the store: older or equal rows never
        overwrite; of equals in one batch the one with the greatest values wins (`newest_places`). Rows too far in the
        future of the store's clock are refused and counted. Returns keys changed."""
        ...

    def write_table(self, tenant: str, view: str, rows: pa.Table) -> int:
        """`write`, for the columns key (string), event_ts, created_ts (timestamps with a zone) and the features; a
        column `tenant` is left alone. Many rows cost a fraction of what they do one by one."""
        ...

    def restore(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        """Set rows even over newer ones: the way back to last-known-good values under a quarantine."""
        ...

    def restore_table(self, tenant: str, view: str, rows: pa.Table) -> int:
        """`restore`, for columns as `write_table` takes them."""
        ...

    def read(
        self, tenant: str, keys: Sequence[tuple[str, str]], *, now: datetime, ttls: Mapping[str, timedelta]
    ) -> list[OnlineRow]:
        """One row per (view, key) asked for, in that order, in one round trip."""
        ...

    def read_views(
        self,
        tenant: str,
        wanted: Sequence[tuple[str, Sequence[str]]],
        *,
        now: datetime,
        ttls: Mapping[str, timedelta],
    ) -> list[RowBatch]:
        """For each (view, keys) the rows of those keys in that order, all in one round trip."""
        ...

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        """Event time of the newest row of the view: what freshness is measured against."""
        ...

    def sample(self, tenant: str, view: str, limit: int) -> list[FeatureRow]:
        """Up to `limit` of the most recently written rows: what the parity check compares with offline."""
        ...

    def take_refused(self, tenant: str, view: str) -> int:
        """How many rows this store refused since this was asked last: each of them is told once."""
        return 0


class AskedStore(Protocol):
    """An online store that an event loop can read: `OnlineStore.read_views` without a thread that waits."""

    async def ask_views(
        self,
        tenant: str,
        wanted: Sequence[tuple[str, Sequence[str]]],
        *,
        now: datetime,
        ttls: Mapping[str, timedelta],
    ) -> list[RowBatch]: ...

    def close(self) -> None: ...
