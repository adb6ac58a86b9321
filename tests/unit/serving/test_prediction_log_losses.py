"""What was promised to be kept is kept whenever a worker ends, and whatever is lost is counted and told."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.predictions import loss_on_timeline
from interfaces.settings import Settings
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.serving import prediction_log_spill
from platform_core.serving.metrics import ServingMetrics
from platform_core.serving.prediction_log import DeltaPredictionLog, PredictionRow, PredictionWriter
from platform_core.serving.prediction_log_losses import EVERY, Loss, Losses
from platform_core.serving.worker_metrics import SharedMetrics
from tests.conftest import NIGHT
from tests.fakes.offline_store import FakeOfflineStore


class Killed(BaseException):
    """Raised where a kill would hit. What the kernel does then is done by `let_go`."""


def row(number: int) -> PredictionRow:
    ts = NIGHT + timedelta(seconds=number)
    return PredictionRow(
        ts, "fraud-br", "br", "1", "champion", 0.02, False, 9.0, 2.0, 1.0, 0.1, 0, request_id=f"r{number}"
    )


def logged(offline: FakeOfflineStore) -> list[str]:
    rows = DeltaPredictionLog(offline).read_whole(NIGHT, NIGHT + timedelta(days=1))
    return sorted(rows["request_id"].to_pylist(), key=lambda name: int(name[1:]))


def let_go(writer: PredictionWriter) -> None:
    """The process is gone: its locks and its mappings, none of its files."""
    writer._stop.set()
    assert writer._thread is not None
    writer._thread.join()
    spill = writer._spill
    assert spill is not None
    spill._lock.close()
    spill._counts.close()


def killer(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, at: int, after: bool) -> None:
    """From the `at`-th call of it on (0: the first), before or after it was carried out, the process is dead."""
    real, calls = getattr(owner, name), [0]

    def deadly(*arguments: Any, **more: Any) -> Any:
        due, calls[0] = calls[0] == at, calls[0] + 1
        if due and not after:
            raise Killed
        answer = real(*arguments, **more)
        if due:
            raise Killed
        return answer

    monkeypatch.setattr(owner, name, deadly)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("owner", "name", "at"),
    [
        (prediction_log_spill.pa.ipc, "new_file", 0),
        (os, "fsync", 0),
        (Path, "replace", 0),
        (os, "fsync", 1),
        (prediction_log_spill.Spill, "keep", 0),
        (FakeOfflineStore, "append", 0),
    ],
)
def test_killed_at_any_step_a_row_is_kept_or_counted(
    tmp_path: Path, owner: Any, name: str, at: int, after: bool
) -> None:
    offline = FakeOfflineStore()
    first = PredictionWriter(offline, capacity=8, interval=60, spill=tmp_path)
    first.start()
    for number in range(6):
        first.write(row(number))
    offline.down = name != "append"
    with pytest.MonkeyPatch.context() as patching:
        killer(patching, owner, name, at=at, after=after)
        with pytest.raises(Killed):
            first.flush()
    let_go(first)
    offline.down = False
    second = PredictionWriter(offline, interval=60, spill=tmp_path)
    second.start()
    second.stop()
    kept = logged(offline)
    assert len(set(kept)) + second.lost >= 6, "a row is gone and nobody says so"
    assert kept in ([], [f"r{number}" for number in range(6)])
    assert list(tmp_path.iterdir()) == []


def test_a_batch_counts_as_kept_once_file_and_directory_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill = prediction_log_spill.Spill(tmp_path)
    seen: list[str] = []

    def watched(owner: Any, name: str, said: Callable[..., str]) -> None:
        real = getattr(owner, name)

        def call(*arguments: Any) -> Any:
            seen.append(said(*arguments))
            return real(*arguments)

        monkeypatch.setattr(owner, name, call)

    watched(os, "fsync", lambda handle: f"fsync {Path(f'/proc/self/fd/{handle}').readlink().suffix or 'directory'}")
    watched(Path, "replace", lambda *_: "rename")
    writer = PredictionWriter(FakeOfflineStore())
    assert spill.write("predictions", writer._tables([row(1)])[0][1])
    assert seen == ["fsync .partial", "rename", "fsync directory"]
    spill.close()


def test_a_disk_that_cannot_be_trusted_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline, capacity=4, interval=60, spill=tmp_path)
    writer.start()
    for number in range(4):
        writer.write(row(number))
    offline.down = True

    def broken(_: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patching:
        patching.setattr(prediction_log_spill, "_sync", broken)
        writer.flush()
    assert (writer.buffered, writer.spilled) == (4, 0), "nothing twice, nothing nowhere"
    offline.down = False
    writer.stop()
    assert logged(offline) == [f"r{number}" for number in range(4)]


def test_losses_are_told_once_and_again_while_they_could_not_be() -> None:
    heard: list[Loss] = []
    done: list[str] = []
    now, away = [0.0], [True]

    def tell(loss: Loss) -> None:
        if away[0]:
            raise Unavailable("the database is away")
        heard.append(loss)

    losses = Losses(tell, monotonic=lambda: now[0])
    losses.killed("wrk_1", 3, lambda: done.append("wrk_1"))
    losses.tell(0)
    assert (heard, done) == ([], [])
    away[0] = False
    losses.tell(5)
    assert [(loss.rows, loss.why) for loss in heard] == [(3, "killed"), (5, "dropped")]
    assert (heard[0].id, done) == ("lost_wrk_1", ["wrk_1"])
    losses.tell(9)
    assert len(heard) == 2, "not at every look while rows are being dropped"
    now[0] = EVERY
    losses.tell(11)
    losses.tell(13, last=True)
    assert [loss.rows for loss in heard[2:]] == [6, 2]


def test_what_was_lost_is_on_the_timeline(tmp_path: Path, clock: FixedClock) -> None:
    base = open_foundations(Settings(data_dir=tmp_path))
    offline, root = FakeOfflineStore(), tmp_path / "predictions"
    first = PredictionWriter(offline, interval=60, spill=root)
    first.start()
    for number in range(3):
        first.write(row(number))
    let_go(first)

    def away(_: Loss) -> None:
        raise Unavailable("the database is away")

    second = PredictionWriter(offline, interval=60, spill=root, tell=away)
    second.start()
    second.stop()
    assert second.lost == 3
    for _ in range(2):  # the second finds nothing any more
        third = PredictionWriter(offline, capacity=2, interval=60, spill=root, tell=loss_on_timeline(base))
        third.start()
        third.stop()
    loss_on_timeline(base)(Loss("lost_twice", 1, "dropped"))
    loss_on_timeline(base)(Loss("lost_twice", 1, "dropped"))
    now = base.clock.now()
    events = SqlOperations(base.engine).timeline(now - timedelta(hours=1), now, kinds=["fault"])
    assert [event.details["rows"] for event in reversed(events)] == [3, 1]
    assert events[-1].summary == "3 predictions are not in the log: a worker was killed with them"
    assert events[-1].subject == "urn:vigia:store:prediction-log"
    base.engine.dispose()


def test_what_no_place_takes_at_the_end_is_counted_and_told(tmp_path: Path) -> None:
    heard: list[Loss] = []
    offline = FakeOfflineStore()
    offline.down = True
    writer = PredictionWriter(offline, interval=60, tell=heard.append)
    writer.start()
    writer.write(row(1))
    writer.stop()
    assert (writer.dropped, [loss.rows for loss in heard]) == (1, [1])


def test_what_a_worker_that_is_gone_had_lost_stays_in_the_figures(tmp_path: Path) -> None:
    metrics = ServingMetrics()
    metrics.log_lost.set(3)
    metrics.log_dropped.set(2)
    metrics.log_waiting.labels("memory_rows").set(7)
    shared = SharedMetrics(tmp_path)
    shared.publish([metrics.registry])
    (tmp_path / f"{os.getpid()}.json").rename(tmp_path / "4194305.json")  # beyond what a process is numbered
    told = shared.expose([ServingMetrics().registry]).decode()
    assert "vigia_prediction_log_lost 3.0" in told
    assert "vigia_prediction_log_dropped 2.0" in told
    assert 'where="memory_rows"} 7.0' not in told
