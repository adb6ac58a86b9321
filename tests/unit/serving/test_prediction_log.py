from __future__ import annotations

import time
from datetime import timedelta

from platform_core.serving.prediction_log import SCHEMA, DeltaPredictionLog, PredictionRow, PredictionWriter
from tests.conftest import NIGHT
from tests.fakes.offline_store import FakeOfflineStore


def _row(second: int, endpoint: str = "fraud-br", amount: float | None = 12.5) -> PredictionRow:
    ts = NIGHT + timedelta(seconds=second)
    return PredictionRow(ts, endpoint, "br", "1", "champion", 0.02, False, amount, 2.0, 1.0, 0.1, 0)


def _read(row: PredictionRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in SCHEMA.names}


def _logged(offline: FakeOfflineStore) -> list[int]:
    rows = DeltaPredictionLog(offline).read(NIGHT, NIGHT + timedelta(days=1))
    return [int((ts - NIGHT).total_seconds()) for ts in rows["ts"].to_pylist()]


def test_reading_before_anything_was_scored():
    rows = DeltaPredictionLog(FakeOfflineStore()).read(NIGHT, NIGHT + timedelta(hours=1))
    assert rows.schema == SCHEMA
    assert rows.num_rows == 0


def test_what_is_written_is_read_by_time_and_endpoint():
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline)
    for row in (_row(0), _row(1, "fraud-ar", None), _row(2)):
        writer.write(row)
    assert writer.flush()
    log = DeltaPredictionLog(offline)
    assert log.read(NIGHT, NIGHT + timedelta(seconds=2)).schema == SCHEMA
    assert log.read(NIGHT, NIGHT + timedelta(seconds=2)).to_pylist() == [
        _read(_row(0)),
        _read(_row(1, "fraud-ar", None)),
    ]
    assert log.read(NIGHT, NIGHT + timedelta(days=1), endpoint="fraud-ar")["amount"].to_pylist() == [None]


def test_the_thread_appends_soon_and_stop_appends_the_rest():
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline, interval=0.02)
    writer.start()
    writer.write(_row(0))
    deadline = time.monotonic() + 5
    while "predictions" not in offline.tables() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _logged(offline) == [0]
    writer.write(_row(1))
    writer.stop()
    assert _logged(offline) == [0, 1]


def test_while_the_store_is_down_the_oldest_make_way_and_are_counted():
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline, capacity=3)
    offline.down = True
    for second in range(5):
        writer.write(_row(second))
    assert not writer.flush()
    assert writer.dropped == 2
    offline.down = False
    assert writer.flush()
    assert _logged(offline) == [2, 3, 4]


def test_rows_that_make_way_while_they_are_appended_are_not_counted_as_lost():
    class Slow(FakeOfflineStore):
        def append(self, table, rows):
            for second in (10, 11):
                writer.write(_row(second))
            return super().append(table, rows)

    offline = Slow()
    writer = PredictionWriter(offline, capacity=3)
    for second in range(3):
        writer.write(_row(second))
    assert writer.flush()
    assert writer.dropped == 0
    assert _logged(offline) == [0, 1, 2]
    FakeOfflineStore.append(offline, "other", offline.read("predictions"))
    offline.__class__ = FakeOfflineStore
    assert writer.flush()
    assert _logged(offline) == [0, 1, 2, 10, 11]
