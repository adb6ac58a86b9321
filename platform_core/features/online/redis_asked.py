"""Rows of the online store on Redis for an event loop: the same keys and bytes as `RedisOnlineStore`, without a
thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from foundation.errors import Unavailable
from platform_core.features.online.batch import RowBatch
from platform_core.features.online.layout import ID, Layout, check_reference
from platform_core.features.online.redis_pipe import RedisPipe
from platform_core.features.online.scope import scope_name
from platform_core.features.values import microseconds

_MICROSECOND = timedelta(microseconds=1)


class AskedRedis:
    """Reads only, on one event loop."""

    def __init__(self, url: str, *, timeout_s: float = 1.0) -> None:
        self._pipe = RedisPipe(url, timeout_s=timeout_s)
        self._layouts: dict[bytes, Layout] = {}
        self._prefixes: dict[tuple[str, str], str] = {}

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
        names: list[str] = []
        for view, keys in wanted:
            prefix = self._prefixes.get((tenant, view))
            if prefix is None:
                prefix = self._prefixes[tenant, view] = f"vigia:row:{scope_name(tenant, view)}:"
            names += [prefix + key for key in keys]
        blobs: list[bytes | None] = await self._pipe.ask("MGET", names) if names else []
        if len(blobs) != len(names):
            self._pipe.close()  # whatever answered, it was not asked this
            raise Unavailable(f"the online store at {self._pipe.address} answered {len(blobs)} of {len(names)} rows")
        for reference in {blob[ID] for blob in blobs if blob is not None} - self._layouts.keys():
            await self._learn(reference)
        now_us = microseconds(now)
        batches: list[RowBatch] = []
        start = 0
        for view, keys in wanted:
            oldest = now_us - ttls[view] // _MICROSECOND if view in ttls else None
            batches.append(RowBatch(blobs[start : start + len(keys)], self._layouts.__getitem__, oldest))
            start += len(keys)
        return batches

    async def _learn(self, reference: bytes) -> None:
        check_reference(reference)
        document = await self._pipe.ask("GET", [f"vigia:layout:{reference.hex()}"])
        if document is None:
            raise Unavailable(f"the online store at {self._pipe.address} lacks the layout {reference.hex()}")
        self._layouts[reference] = Layout.parse(document)
