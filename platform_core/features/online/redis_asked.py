"""Rows of the online store on Redis for an event loop: the same keys and bytes as `RedisOnlineStore`, without a
thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from foundation.errors import Unavailable
from platform_core.features.online.batch import RowBatch, row_batches
from platform_core.features.online.layout import ID, Layout, check_reference, stored_layout
from platform_core.features.online.redis_names import layout_name, row_names
from platform_core.features.online.redis_pipe import RedisPipe


class AskedRedis:
    """Reads only, on one event loop."""

    def __init__(self, url: str, *, timeout_s: float = 1.0) -> None:
        self._pipe = RedisPipe(url, timeout_s=timeout_s)
        self._layouts: dict[bytes, Layout] = {}

    def close(self) -> None:
        self._pipe.close()

    async def ask_views(
        self,
        tenant: str,
        wanted: Sequence[tuple[str, Sequence[str]]],
        *,
        now: datetime,
        ttls: Mapping[str, timedelta],
    ) -> list[RowBatch]:
        """As `OnlineStore.read_views`."""
        names = row_names(tenant, wanted)
        blobs: list[bytes | None] = await self._pipe.ask("MGET", names) if names else []
        if len(blobs) != len(names):
            self._pipe.close()  # whatever answered, it was not asked this
            raise Unavailable(f"the online store at {self._pipe.address} answered {len(blobs)} of {len(names)} rows")
        for reference in {blob[ID] for blob in blobs if blob is not None} - self._layouts.keys():
            await self._learn(reference)
        return row_batches(wanted, blobs, self._layouts.__getitem__, now=now, ttls=ttls)

    async def _learn(self, reference: bytes) -> None:
        check_reference(reference)
        document = await self._pipe.ask("GET", [layout_name(reference)])
        self._layouts[reference] = stored_layout(document, reference, self._pipe.address)
