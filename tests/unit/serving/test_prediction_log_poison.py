"""A row that cannot be logged keeps no other from the log, and a model that fails keeps no answer from it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from foundation.errors import Unavailable
from platform_core.serving.prediction_log import (
    ERRORS_TABLE,
    DeltaPredictionLog,
    PredictionErrorRow,
    PredictionRow,
    PredictionWriter,
)
from platform_core.serving.questions import read_columns, read_json
from platform_core.serving.shape import RequestShape
from tests.conftest import NIGHT
from tests.fakes.offline_store import FakeOfflineStore
from tests.fakes.payments import SERVICE, small_catalog

BEYOND = 2**53 + 1


def row(n: int, amount: float = 9.0, **more: Any) -> PredictionRow:
    ts = NIGHT + timedelta(seconds=n)
    given: dict[str, Any] = {"request_id": f"r{n}", **more}
    return PredictionRow(ts, "fraud-br", "br", "1", "champion", 0.02, False, amount, 2.0, 1.0, 0.1, 0, **given)


def logged(offline: FakeOfflineStore) -> set[str]:
    rows = DeltaPredictionLog(offline).read_whole(NIGHT, NIGHT + timedelta(days=1))
    return set(rows["request_id"].to_pylist())


def test_a_whole_number_is_the_float_that_it_is_scored_as() -> None:
    shape = RequestShape(small_catalog(), SERVICE)
    entities: dict[str, Any] = {"card": "c", "device": "d"}
    inputs: dict[str, Any] = {"amount": BEYOND, "hour": 3, "is_online": 1}
    document = {"request_id": "r", "entities": entities, "inputs": inputs}
    long = {**document, "entities": {"card_id": "c", "device": "d"}}
    columns = {name: [value] for name, value in {**entities, **inputs}.items()}
    for question in (
        read_json(json.dumps(document).encode(), shape, 10),
        read_json(json.dumps(long).encode(), shape, 10),
        read_json(json.dumps({"request_id": "b", "rows": [{**document}]}).encode(), shape, 10),
        read_columns(columns, shape, 10, request_id="a", attributions=False),
    ):
        assert [type(value) for value in question.rows[0].inputs] == [float] * 3
        assert question.rows[0].inputs[0] == float(BEYOND)


@pytest.mark.parametrize("bad", [{0}, {499}, {3, 250, 251}, set(range(40))])
def test_rows_that_cannot_be_converted_are_left_out_and_counted(tmp_path: Path, bad: set[int]) -> None:
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline, interval=60, spill=tmp_path)
    writer.start()
    for n in range(500):
        writer.write(row(n, BEYOND if n in bad else 9.0))
    assert writer.flush()
    assert (writer.dropped, writer.buffered, writer.appended) == (len(bad), 0, 500 - len(bad))
    assert logged(offline) == {f"r{n}" for n in range(500) if n not in bad}
    writer.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_stop_lays_aside_what_is_whole(tmp_path: Path) -> None:
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline, interval=60, spill=tmp_path)
    writer.start()
    for n in range(10):
        writer.write(row(n, BEYOND if n == 4 else 9.0))
    offline.down = True
    writer.stop()
    offline.down = False
    after = PredictionWriter(offline, interval=60, spill=tmp_path)
    after.start()
    assert after.flush()
    assert logged(offline) == {f"r{n}" for n in range(10) if n != 4}
    assert (writer.dropped, after.lost) == (1, 0)
    after.stop()


def test_a_store_that_fails_as_nobody_thought_costs_one_row_a_look_and_no_more() -> None:
    class Odd(FakeOfflineStore):
        odd = True

        def append(self, table: str, rows: pa.Table) -> int:
            if self.odd:
                raise OSError("what no store should raise")
            return super().append(table, rows)

    offline = Odd()
    writer = PredictionWriter(offline)
    for n in range(100):
        writer.write(row(n))
    assert not writer.flush()
    assert (writer.dropped, writer.buffered) == (1, 99)
    offline.odd = False
    assert writer.flush()
    assert len(logged(offline)) == 99


def test_a_shadow_that_raises_anything_is_counted_and_the_answer_logged() -> None:
    class Model:
        version = SimpleNamespace(version="2", signature=SimpleNamespace(features=[SimpleNamespace(name="a")]))

        def score(self, rows: np.ndarray) -> np.ndarray:
            raise KeyError("the trees are gone")

    offline = FakeOfflineStore()
    writer = PredictionWriter(offline)
    model: Any = Model()
    for n in range(3):
        writer.write(row(n, features=np.array([1.0]).tobytes(), model=model, shadows=(model,)))
    assert writer.flush()
    assert (writer.unscored, writer.dropped, len(logged(offline))) == (3, 0, 3)


def test_the_table_that_was_written_is_not_written_again_when_the_other_fails(tmp_path: Path) -> None:
    class Half(FakeOfflineStore):
        refused: str | None = ERRORS_TABLE

        def append(self, table: str, rows: pa.Table) -> int:
            if table == self.refused:
                raise Unavailable("not this one")
            return super().append(table, rows)

    offline = Half()
    writer = PredictionWriter(offline, interval=60, spill=tmp_path)
    writer.start()
    for n in range(10):
        writer.write(row(n))
        if n % 5 == 0:
            writer.write(PredictionErrorRow(NIGHT, "fraud-br", "br", "1", "champion", "unavailable", 3.0, f"e{n}"))
    for _ in range(3):
        assert not writer.flush()
    assert (writer.buffered, writer.appended) == (2, 10)
    offline.refused = None
    assert writer.flush()
    log = DeltaPredictionLog(offline)
    assert len(log.read(NIGHT, NIGHT + timedelta(days=1))) == 10
    assert len(log.read_errors(NIGHT, NIGHT + timedelta(days=1))) == 2
    writer.stop()
    assert list(tmp_path.iterdir()) == [], "what is accounted for adds up"
