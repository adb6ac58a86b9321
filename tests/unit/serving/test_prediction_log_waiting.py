"""Where predictions wait while the store is down, what a killed worker lost, and what is stored of a card."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from foundation.errors import Unavailable
from platform_core.catalog.loading import load_catalog
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.operations.resources import RolloutSpec
from platform_core.serving.prediction_log import DeltaPredictionLog, PredictionErrorRow, PredictionRow, PredictionWriter
from platform_core.serving.prediction_log_keys import entity_pseudonyms, needs_pseudonyms
from platform_core.serving.prediction_log_rows import features_of
from platform_core.serving.prediction_log_shadows import shadow_scores
from platform_core.serving.prediction_log_spill import Spill
from platform_core.serving.rollout import logged
from platform_core.simulation.parts import CATALOG_DIRECTORY
from tests.conftest import NIGHT
from tests.fakes.offline_store import FakeOfflineStore

ROOT = Path(__file__).parents[3]


def row(second: int, **more: object) -> PredictionRow:
    ts = NIGHT + timedelta(seconds=second)
    given: dict[str, object] = {"request_id": f"r{second}", "entity": f"card-{second}", **more}
    return PredictionRow(ts, "fraud-br", "br", "1", "champion", 0.02, False, 9.0, 2.0, 1.0, 0.1, 0, **given)  # type: ignore[arg-type]


def logged_ids(offline: FakeOfflineStore | DeltaOfflineStore) -> list[str]:
    rows = DeltaPredictionLog(offline).read_whole(NIGHT, NIGHT + timedelta(days=2))
    return sorted(rows["request_id"].to_pylist(), key=lambda name: int(name[1:]))


def test_what_the_store_refuses_waits_on_the_disk_and_nothing_is_dropped(tmp_path: Path) -> None:
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline, capacity=10, interval=60, spill=tmp_path)
    writer.start()
    offline.down = True
    for second in range(40):
        writer.write(row(second))
        if second % 5 == 4:
            assert not writer.flush()
    writer.write(row(40))
    assert (writer.dropped, writer.buffered) == (0, 1)
    assert writer.spilled > 0
    offline.down = False
    assert writer.flush()
    assert (writer.spilled, writer.buffered, writer.appended) == (0, 0, 41)
    assert logged_ids(offline) == [f"r{n}" for n in range(41)]
    writer.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_stop_while_the_store_is_down_leaves_it_to_the_next_worker(tmp_path: Path) -> None:
    offline = FakeOfflineStore()
    first = PredictionWriter(offline, interval=60, spill=tmp_path)
    first.start()
    first.write(row(0))
    first.write(PredictionErrorRow(NIGHT, "fraud-br", "br", "1", "champion", "unavailable", 3.0, "r9", "card"))
    offline.down = True
    first.stop()
    offline.down = False
    second = PredictionWriter(offline, interval=60, spill=tmp_path)
    second.start()
    assert (second.lost, second.spilled) == (0, 2)
    assert second.flush()
    assert logged_ids(offline) == ["r0"]
    errors = DeltaPredictionLog(offline).read_errors(NIGHT, NIGHT + timedelta(days=1), endpoint="fraud-br")
    assert errors["code"].to_pylist() == ["unavailable"]
    second.stop()


KILLED = """
import sys, time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from foundation.errors import Unavailable
from platform_core.serving.prediction_log_rows import PredictionRow
from platform_core.serving.prediction_log_writer import PredictionWriter

class Store:
    down = False

    def append(self, table, rows):
        if self.down:
            raise Unavailable("down")
        return 1

def row(n):
    ts = datetime(2026, 11, 19, 5, 51, n, tzinfo=timezone.utc)
    return PredictionRow(ts, "fraud-br", "br", "1", "champion", 0.02, False, 9.0, 2.0, 1.0, 0.1, 0, f"r{n}")

offline = Store()
writer = PredictionWriter(offline, capacity=8, interval=60, spill=Path(sys.argv[1]))
writer.start()
for n in range(6):
    writer.write(row(n))
writer.flush()
offline.down = True
for n in range(6, 14):
    writer.write(row(n))
writer.flush()
for n in range(14, 17):
    writer.write(row(n))
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_worker_loses_a_known_number_of_rows(tmp_path: Path) -> None:
    """6 appended, 8 on the disk, 3 in memory only."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        living = Spill(tmp_path)
        assert (living.adopt(), living.waiting) == ({}, 0), "what a living worker holds is not taken from it"
        living.close()
        worker.send_signal(signal.SIGKILL)
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline, interval=60, spill=tmp_path)
    writer.start()
    assert writer.lost == 3
    assert writer.flush()
    assert logged_ids(offline) == [f"r{n}" for n in range(6, 14)]
    writer.stop()
    assert list(tmp_path.iterdir()) == []


def test_the_disk_is_bounded_and_what_it_does_not_hold_is_counted(tmp_path: Path) -> None:
    offline = FakeOfflineStore()
    offline.down = True
    writer = PredictionWriter(offline, capacity=10, interval=60, spill=tmp_path)
    writer.start()
    writer._spill._limit = 2000  # type: ignore[union-attr]
    for second in range(100):
        writer.write(row(second))
        writer.flush()
    offline.down = False
    writer.stop()
    kept = logged_ids(offline)
    assert writer.dropped > 0
    assert len(kept) + writer.dropped == 100
    assert kept[-1] == "r99", "the newest are kept"


def test_a_batch_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline, capacity=10, interval=60, spill=tmp_path)
    writer.start()
    offline.down = True
    for second in range(7):
        writer.write(row(second))
    writer.flush()
    (damaged,) = writer._spill._files  # type: ignore[union-attr]
    damaged.write_bytes(b"not arrow")
    offline.down = False
    assert not writer.flush()
    assert (writer.dropped, writer.spilled) == (7, 0)
    writer.write(row(7))
    writer.stop()
    assert logged_ids(offline) == ["r7"]
    assert [path.name for path in (tmp_path / ".broken").iterdir()] == [damaged.name], "not thrown away"


class Scaled:
    """Scores the first column it reads; its columns are `names`."""

    def __init__(self, version: str, *names: str, broken: bool = False) -> None:
        from types import SimpleNamespace as Plain

        features = [Plain(name=name) for name in names]
        self.version = Plain(version=version, signature=Plain(features=features))
        self.broken = broken
        self.calls = 0

    def score(self, rows: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.broken:
            raise Unavailable("it does not score")
        return rows[:, 0]


def test_shadows_score_in_bulk_by_the_names_of_their_columns() -> None:
    answered = Scaled("1", "a", "b")
    other, missing, broken = Scaled("2", "b", "a"), Scaled("3", "c"), Scaled("4", "a", broken=True)
    rows = [
        row(n, features=np.array([[n, n / 10]]).tobytes(), model=answered, shadows=(other, missing, broken))
        for n in range(5)
    ]
    scores = shadow_scores([*rows, row(9)])
    assert [json.loads(text or "null") for text in scores] == [*({"2": n / 10} for n in range(5)), None]
    assert other.calls == 1
    assert features_of(rows[3].features).tolist() == [3.0, 0.3]


def test_what_is_stored_of_a_card() -> None:
    catalog = load_catalog(CATALOG_DIRECTORY)
    assert needs_pseudonyms(catalog)
    first, other = entity_pseudonyms(b"k" * 32), entity_pseudonyms(b"j" * 32)
    assert first("card-1") == entity_pseudonyms(b"k" * 32)("card-1") != other("card-1")
    offline = FakeOfflineStore()
    for hide in (first, None):
        writer = PredictionWriter(offline, pseudonym=hide)
        writer.write(row(1))
        assert writer.flush()
    stored = DeltaPredictionLog(offline).read_whole(NIGHT, NIGHT + timedelta(days=1))
    assert stored["entity"].to_pylist() == [first("card-1"), None]


def test_a_sampled_log_keeps_the_same_requests_on_every_worker() -> None:
    spec = RolloutSpec(model="m", champion="1", feature_service="f", prediction_log_share=0.2)
    kept = [logged(spec, f"r{n}") for n in range(5000)]
    assert kept == [logged(spec, f"r{n}") for n in range(5000)]
    assert np.mean(kept) == pytest.approx(0.2, abs=0.03)
    assert all(logged(spec.model_copy(update={"prediction_log_share": 1.0}), f"r{n}") for n in range(100))


def test_reading_a_day_reads_the_files_of_that_day(tmp_path: Path) -> None:
    offline = DeltaOfflineStore(tmp_path)
    for day in range(3):
        writer = PredictionWriter(offline)
        for second in range(3):
            writer.write(row(day * 86_400 + second))
        assert writer.flush()
    offline.compact("predictions")
    days = sorted(path for path in (tmp_path / "predictions").iterdir() if path.name.startswith("event_date="))
    assert len(days) == 3
    for file in [*days[0].iterdir(), *days[2].iterdir()]:
        file.write_bytes(b"")  # whoever reads more than the one day fails
    start = NIGHT + timedelta(days=1)
    assert len(DeltaPredictionLog(offline).read(start, start + timedelta(hours=1), endpoint="fraud-br")) == 3


def test_writing_never_waits_for_the_store(tmp_path: Path) -> None:
    class Stuck(FakeOfflineStore):
        def append(self, table: str, rows: object) -> int:
            time.sleep(0.5)
            raise Unavailable("stuck")

    writer = PredictionWriter(Stuck(), interval=0.01, spill=tmp_path)
    writer.start()
    time.sleep(0.1)
    began = time.perf_counter()
    for second in range(2000):
        writer.write(row(second))
    assert time.perf_counter() - began < 0.4, "an append was under way all the time"
    writer.stop()
