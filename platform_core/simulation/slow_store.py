"""What an online compaction does to the online store while it runs: every read waits behind it.

The wrapper sits in the serving process and watches the compaction job's resource, so that cancelling the job is what
makes reads fast again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from foundation.errors import InvalidInput, VigiaError
from platform_core.features.online.batch import RowBatch
from platform_core.features.online.port import FeatureRow, OnlineRow, OnlineStore
from platform_core.features.online.redis_asked import AskedRedis
from platform_core.operations.resources import JobSpec, ResourceReader
from platform_core.urn import urn

COMPACTION_JOB = urn("job", "online-compaction")
READ_WAIT_SECONDS = 0.08
POLL_SECONDS = 0.25


class CompactionAwareStore(OnlineStore):
    """`store`, with reads that wait `READ_WAIT_SECONDS` while the compaction job runs."""

    def __init__(
        self,
        store: OnlineStore,
        resources: ResourceReader,
        *,
        wait_seconds: float = READ_WAIT_SECONDS,
        asked: AskedRedis | None = None,
    ) -> None:
        self._store = store
        self._resources = resources
        self._wait = wait_seconds
        self._asked = asked
        self._compacting = threading.Event()
        self._stop = threading.Event()
        self.poll()
        self._watcher = threading.Thread(target=self._watch, name="compaction-watch", daemon=True)
        self._watcher.start()

    def poll(self) -> None:
        """Look at the job's resource once."""
        try:
            resource = self._resources.get(COMPACTION_JOB)
        except VigiaError:
            return  # not created yet, or the control plane does not answer: keep what was known
        desired = isinstance(resource.spec, JobSpec) and resource.spec.desired == "running"
        if desired and resource.status.get("state") == "running":
            self._compacting.set()
        else:
            self._compacting.clear()

    @property
    def asked(self) -> CompactionAwareStore | None:
        """What an event loop may ask (`ask_views`); None where a thread has to wait."""
        return None if self._asked is None else self

    async def ask_views(
        self,
        tenant: str,
        wanted: Sequence[tuple[str, Sequence[str]]],
        *,
        now: datetime,
        ttls: Mapping[str, timedelta],
    ) -> list[RowBatch]:
        if self._asked is None:
            raise InvalidInput("this store can only be waited for", hint="use read_views in a thread")
        if self._compacting.is_set():
            await asyncio.sleep(self._wait)
        return await self._asked.ask_views(tenant, wanted, now=now, ttls=ttls)

    def close(self) -> None:
        self._stop.set()
        self._watcher.join(timeout=2)
        if self._asked is not None:
            self._asked.close()

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self.poll()

    def _queue_behind_compaction(self) -> None:
        if self._compacting.is_set():
            time.sleep(self._wait)

    @property
    def embedded(self) -> bool:
        return self._store.embedded and not self._compacting.is_set()

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store.write(tenant, view, rows)

    def write_table(self, tenant: str, view: str, rows: pa.Table) -> int:
        return self._store.write_table(tenant, view, rows)

    def restore(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store.restore(tenant, view, rows)

    def restore_table(self, tenant: str, view: str, rows: pa.Table) -> int:
        return self._store.restore_table(tenant, view, rows)

    def read(
        self, tenant: str, keys: Sequence[tuple[str, str]], *, now: datetime, ttls: Mapping[str, timedelta]
    ) -> list[OnlineRow]:
        self._queue_behind_compaction()
        return self._store.read(tenant, keys, now=now, ttls=ttls)

    def read_views(
        self,
        tenant: str,
        wanted: Sequence[tuple[str, Sequence[str]]],
        *,
        now: datetime,
        ttls: Mapping[str, timedelta],
    ) -> list[RowBatch]:
        self._queue_behind_compaction()
        return self._store.read_views(tenant, wanted, now=now, ttls=ttls)

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        return self._store.newest_event(tenant, view)

    def sample(self, tenant: str, view: str, limit: int) -> list[FeatureRow]:
        return self._store.sample(tenant, view, limit)
