"""What the online stores have in common: rows are packed on the way in and read by their layout on the way out.

A store is left with moving bytes: put packed rows where they are newer, fetch them by key, keep the layouts.
"""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from foundation.clock import Clock
from foundation.errors import Unavailable
from platform_core.features.online.batch import RowBatch
from platform_core.features.online.layout import ID, Layout, PackedRow, PackedRows, check_reference
from platform_core.features.online.port import FeatureRow, OnlineRow, OnlineStore
from platform_core.features.online.rows import sound_rows
from platform_core.features.online.table_rows import TableRows
from platform_core.features.values import microseconds, moment

_FOREVER = (1 << 53) - 1
"""Later than any event time; the largest integer that Redis' scripts count exactly (the year 2255)."""

_MICROSECOND = timedelta(microseconds=1)
_log = logging.getLogger(__name__)


class PackedStore(OnlineStore):
    """`clock`: when given, rows with an event time beyond its now + `max_ahead` are refused, and counted by (tenant,
    view) in `refused`; one that came in all the same (by a clock that was wrong itself) gives way to any row that is
    not from the future. So a far-future row never blocks a key."""

    address: str

    def __init__(self, clock: Clock | None, max_ahead: timedelta) -> None:
        self.refused: Counter[tuple[str, str]] = Counter()
        self._untold: Counter[tuple[str, str]] = Counter()
        self._clock = clock
        self._max_ahead = max_ahead
        self._layouts: dict[bytes, Layout] = {}
        self._usual: dict[tuple[str, tuple[str, ...]], Layout] = {}
        self._counting = threading.Lock()

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store(tenant, view, rows, force=False)

    def write_table(self, tenant: str, view: str, rows: pa.Table) -> int:
        return self._store_table(tenant, view, rows, force=False)

    def restore(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store(tenant, view, rows, force=True)

    def restore_table(self, tenant: str, view: str, rows: pa.Table) -> int:
        return self._store_table(tenant, view, rows, force=True)

    def read(
        self, tenant: str, keys: Sequence[tuple[str, str]], *, now: datetime, ttls: Mapping[str, timedelta]
    ) -> list[OnlineRow]:
        if not keys:
            return []
        now_us = microseconds(now)
        answer: list[OnlineRow] = []
        for (view, key), blob in zip(keys, self._fetch(tenant, [(view, [key]) for view, key in keys]), strict=True):
            if blob is None:
                answer.append(OnlineRow(view, key, "missing", None, {}))
                continue
            layout = self._layout(blob[ID])
            event, _, values = layout.unpack(blob)
            if view in ttls and now_us - event > ttls[view] // _MICROSECOND:
                answer.append(OnlineRow(view, key, "expired", moment(event), {}))
            else:
                shown = dict(zip(layout.names, values, strict=True))
                answer.append(OnlineRow(view, key, "present", moment(event), shown))
        return answer

    def read_views(
        self,
        tenant: str,
        wanted: Sequence[tuple[str, Sequence[str]]],
        *,
        now: datetime,
        ttls: Mapping[str, timedelta],
    ) -> list[RowBatch]:
        now_us = microseconds(now)
        if len(wanted) == 1 and len(wanted[0][1]) == 1:  # what a scoring request asks most
            view = wanted[0][0]
            oldest = now_us - ttls[view] // _MICROSECOND if view in ttls else None
            return [RowBatch(self._fetch(tenant, wanted), self._layout, oldest)]
        blobs = self._fetch(tenant, wanted) if any(keys for _, keys in wanted) else []
        batches: list[RowBatch] = []
        start = 0
        for view, keys in wanted:
            oldest = now_us - ttls[view] // _MICROSECOND if view in ttls else None
            batches.append(RowBatch(blobs[start : start + len(keys)], self._layout, oldest))
            start += len(keys)
        return batches

    def sample(self, tenant: str, view: str, limit: int) -> list[FeatureRow]:
        if limit <= 0:
            return []
        found = self._last_written(tenant, view, limit)
        return [self._layout(blob[ID]).row(key, blob) for key, blob in found]

    def take_refused(self, tenant: str, view: str) -> int:
        with self._counting:
            return self._untold.pop((tenant, view), 0)

    @abstractmethod
    def claim(self, environment: str) -> str:
        """Which environment's this store is: `environment`, unless it is another's already. Raises Unavailable."""

    @abstractmethod
    def _put(
        self,
        tenant: str,
        view: str,
        rows: PackedRows,
        layouts: Sequence[Layout],
        *,
        horizon_us: int,
        force: bool,
    ) -> int:
        """Store each row whose key has none, an older one, or one beyond `horizon_us`; all of them by `force`. Keep
        `layouts` before. Returns keys changed. The rows have different keys."""

    @abstractmethod
    def _fetch(self, tenant: str, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[bytes | None]:
        """The packed rows of all views and keys in order, in one round trip."""

    @abstractmethod
    def _last_written(self, tenant: str, view: str, limit: int) -> list[tuple[str, bytes]]:
        """The `limit` (key, row) that were stored last, the last one first."""

    @abstractmethod
    def _stored_layout(self, reference: bytes) -> str | bytes | None:
        """The document of a layout that some process kept with its rows."""

    def _store(self, tenant: str, view: str, rows: Sequence[FeatureRow], *, force: bool) -> int:
        horizon = self._horizon()
        sound, beyond = sound_rows(rows, horizon)
        if beyond:
            self._refuse(tenant, view, len(beyond), beyond[0].event_ts)
        packed, layouts = self._packed(view, sound)
        return self._put_sound(tenant, view, PackedRows.of(packed), layouts, horizon, force=force)

    def _store_table(self, tenant: str, view: str, rows: pa.Table, *, force: bool) -> int:
        horizon = self._horizon()
        sound, beyond = TableRows(rows).sound(horizon)
        if len(beyond):
            self._refuse(tenant, view, len(beyond), beyond["event_ts"][0].as_py())
        layout = sound.numeric_layout()
        if layout is None:
            some, layouts = self._packed(view, sound.feature_rows())
            packed = PackedRows.of(some)
        else:
            self._layouts.setdefault(layout.id, layout)
            packed, layouts = sound.packed(layout), [layout]
        return self._put_sound(tenant, view, packed, layouts, horizon, force=force)

    def _put_sound(
        self,
        tenant: str,
        view: str,
        packed: PackedRows,
        layouts: Sequence[Layout],
        horizon: datetime | None,
        *,
        force: bool,
    ) -> int:
        if not packed.keys:
            return 0
        limit = _FOREVER if horizon is None else microseconds(horizon)
        return self._put(tenant, view, packed, layouts, horizon_us=limit, force=force)

    def _horizon(self) -> datetime | None:
        return None if self._clock is None else self._clock.now() + self._max_ahead

    def _packed(self, view: str, rows: Sequence[FeatureRow]) -> tuple[list[PackedRow], list[Layout]]:
        groups: dict[tuple[str, ...], list[FeatureRow]] = {}
        for row in rows:
            groups.setdefault(tuple(row.values), []).append(row)
        packed: list[PackedRow] = []
        layouts: list[Layout] = []
        for names, group in groups.items():
            layout = Layout.of([row.values for row in group], self._usual.get((view, names)))
            self._usual[view, names] = layout
            self._layouts.setdefault(layout.id, layout)
            layouts.append(layout)
            packed += map(layout.pack, group)
        return packed, layouts

    def _refuse(self, tenant: str, view: str, count: int, first: datetime) -> None:
        with self._counting:
            self.refused[tenant, view] += count
            self._untold[tenant, view] += count
        message = "refused %d rows of %s of %s from the future, the first at %s: is the clock of its sender right?"
        _log.warning(message, count, view, tenant, first.isoformat())

    def _layout(self, reference: bytes) -> Layout:
        layout = self._layouts.get(reference)
        if layout is None:
            check_reference(reference)
            document = self._stored_layout(reference)
            if document is None:
                raise Unavailable(f"the online store at {self.address} lacks the layout {reference.hex()}")
            layout = self._layouts[reference] = Layout.parse(document)
        return layout
