"""Every score, kept in the offline store as the table `predictions`, without a request ever waiting for it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foundation.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unauthenticated
from platform_core.features.offline.port import OfflineStore
from platform_core.serving.prediction_log_rows import (
    ERRORS,
    ERRORS_TABLE,
    SCHEMA,
    TABLE,
    WHOLE,
    PredictionErrorRow,
    PredictionRow,
)
from platform_core.serving.prediction_log_writer import PredictionWriter
from platform_core.serving.types import PredictionLog

__all__ = [
    "ERRORS_TABLE",
    "SCHEMA",
    "TABLE",
    "WHOLE",
    "DeltaPredictionLog",
    "PredictionErrorRow",
    "PredictionRow",
    "PredictionWriter",
]

_OF_THE_CALLER = frozenset(e.code for e in (Forbidden, InvalidInput, NotFound, TooLarge, Unauthenticated))
"""Errors of a request that nothing could have answered."""


class DeltaPredictionLog(PredictionLog):
    """Reads what the writers of all workers appended. Columns that a table of earlier days lacks are null there."""

    def __init__(self, offline: OfflineStore) -> None:
        self._offline = offline

    def read(self, start: datetime, end: datetime, *, endpoint: str | None = None) -> pa.Table:
        return self._read(TABLE, SCHEMA, start, end, endpoint)

    def read_whole(
        self, start: datetime, end: datetime, *, endpoint: str | None = None, columns: tuple[str, ...] | None = None
    ) -> pa.Table:
        """As `read`, with the request id, the entity's pseudonym, the features and the shadow scores; or only
        `columns` of all that, which cost what they hold."""
        wanted = WHOLE if columns is None else pa.schema([WHOLE.field(name) for name in columns])
        return self._read(TABLE, wanted, start, end, endpoint)

    def read_errors(self, start: datetime, end: datetime, *, endpoint: str | None = None) -> pa.Table:
        """Requests that failed after their version was chosen."""
        return self._read(ERRORS_TABLE, ERRORS, start, end, endpoint)

    def outcomes(self, start: datetime, end: datetime, *, endpoint: str) -> pa.Table:
        rows = self.read_whole(start, end, endpoint=endpoint, columns=("ts", "degraded", "logged_share"))
        errors = self.read_errors(start, end, endpoint=endpoint)
        ours = errors.filter(pa.array([code not in _OF_THE_CALLER for code in errors["code"].to_pylist()], pa.bool_()))
        share = rows["logged_share"].fill_null(1.0).to_numpy()
        failed = np.repeat([False, True], [len(rows), len(ours)])
        degraded = np.concatenate([rows["degraded"].fill_null(0).to_numpy() > 0, np.zeros(len(ours), dtype=bool)])
        return pa.table(
            {
                "ts": pa.chunked_array([*rows["ts"].chunks, *ours["ts"].chunks], rows["ts"].type),
                "failed": failed,
                "degraded": degraded,
                "requests": np.concatenate([1 / share, np.ones(len(ours))]),
            }
        )

    def _read(self, table: str, wanted: pa.Schema, start: datetime, end: datetime, endpoint: str | None) -> pa.Table:
        try:
            there = self._offline.schema(table).names
            needed = [name for name in dict.fromkeys((*wanted.names, "ts", "endpoint")) if name in there]
            rows = self._offline.read(table, start=start, end=end, columns=needed, time_column="ts")
        except NotFound:
            return wanted.empty_table()
        if endpoint is not None:
            rows = rows.filter(pc.call_function("equal", [rows["endpoint"], pa.scalar(endpoint)]))
        columns = [
            rows[field.name].cast(field.type) if field.name in there else pa.nulls(len(rows), field.type)
            for field in wanted
        ]
        return pa.table(columns, schema=wanted)
