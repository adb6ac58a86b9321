"""What the online stores have in common: rows are packed on the way in and read by their layout on the way out.

A store is left with moving bytes: put packed rows where they are newer, fetch them by key, keep the layouts.
"""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from foundation.clock import Clock
from platform_core.features.online.batch import RowBatch, row_batches
from platform_core.features.online.layout import ID, Layout, PackedRow, PackedRows, check_reference, stored_layout
from platform_core.features.online.port import FeatureRow, OnlineRow, OnlineStore
from platform_core.features.online.rows import sound_rows
from platform_core.features.online.table_rows import TableRows
from platform_core.features.values import microseconds

_FOREVER = (1 << 63) - 1
"""Later than any event time."""

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
        self._unasked: Callable[[], None] | None = None

    def before_writing(self, ask: Callable[[], None]) -> None:
        """Call `ask` before the next write, and before further ones until it has not raised."""
        self._unasked = ask

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
        batches = self.read_views(tenant, [(view, [key]) for view, key in keys], now=now, ttls=ttls)
        return [OnlineRow(view, key, *batch.only()) for (view, key), batch in zip(keys, batches, strict=True)]

    def read_views(
        self,
        tenant: str,
        wanted: Sequence[tuple[str, Sequence[str]]],
        *,
        now: datetime,
        ttls: Mapping[str, timedelta],
    ) -> list[RowBatch]:
        return row_batches(wanted, self._fetch(tenant, wanted), self._layout, now=now, ttls=ttls)

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
        """The packed rows of all views and keys in order, in one round trip; in none where there are no keys."""

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
        if self._unasked is not None:
            self._unasked()
            self._unasked = None
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
            layout = self._layouts[reference] = stored_layout(self._stored_layout(reference), reference, self.address)
        return layout
