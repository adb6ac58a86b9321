"""Scores of whole data sets: equal to the online ones, in bounded chunks, resumed, never mixed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from foundation.errors import Conflict, InvalidInput, NotFound, Unavailable
from platform_core.serving.batch import score_batch
from platform_core.training.scoring import LoadedModel
from tests.fakes.models import loaded_model, random_matrix

ROWS = 5_000


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return loaded_model()


def table_for(model: LoadedModel, rows: int = ROWS, seed: int = 3) -> pa.Table:
    matrix = random_matrix(model, rows, seed)
    columns = {f.name: pa.array(matrix[:, i], from_pandas=True) for i, f in enumerate(model.version.signature.features)}
    return pa.table({"event_id": [f"e{i}" for i in range(rows)], **columns})


@pytest.fixture
def source(model: LoadedModel, tmp_path: Path) -> Path:
    path = tmp_path / "payments.parquet"
    pq.write_table(table_for(model), path, row_group_size=1_500)
    return path


def scores_in(out: Path) -> pa.Table:
    return ds.dataset(sorted(out.glob("part-*.parquet"))).to_table()


@pytest.mark.parametrize("chunk_rows", [7, 1_000, 100_000])
def test_scores_are_those_of_one_row_at_a_time(model: LoadedModel, source: Path, tmp_path: Path, chunk_rows: int):
    report = score_batch(model, source, tmp_path / "out", chunk_rows=chunk_rows)
    found = scores_in(tmp_path / "out")
    assert (report.rows, report.parts, report.resumed) == (ROWS, 4, 0)
    assert found["event_id"].to_pylist() == [f"e{i}" for i in range(ROWS)]
    matrix = random_matrix(model, ROWS)
    online = [float(model.score(row[None, :])[0]) for row in matrix[:300]]
    assert found["score"].to_pylist()[:300] == online
    declined = sum(score >= model.version.signature.decline_threshold for score in found["score"].to_pylist())
    assert report.declined == declined == sum(found["declined"].to_pylist())
    assert set(found["model_version"].to_pylist()) == {"1"}


def test_with_attributions_each_row_sums_to_its_score(model: LoadedModel, source: Path, tmp_path: Path):
    score_batch(model, source, tmp_path / "out", attributions=True)
    found = scores_in(tmp_path / "out").to_pandas()
    explained = found[[c for c in found.columns if c.startswith("shap__")]].sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-explained)), found["score"], atol=1e-12)


def test_a_run_that_was_stopped_goes_on_where_it_was(model: LoadedModel, source: Path, tmp_path: Path):
    class Stopped(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done > 3_200:
            raise Stopped

    with pytest.raises(Stopped):
        score_batch(model, source, tmp_path / "out", chunk_rows=500, progress=stop)
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("part-*.parquet")}
    assert 0 < len(before) < 4
    seen: list[int] = []
    report = score_batch(model, source, tmp_path / "out", progress=lambda done, _total: seen.append(done))
    assert (report.resumed, seen[0], seen[-1]) == (3_000, 3_000, ROWS)
    assert all((tmp_path / "out" / name).stat().st_mtime_ns == at for name, at in before.items())
    score_batch(model, source, tmp_path / "whole")
    assert scores_in(tmp_path / "out").equals(scores_in(tmp_path / "whole"))
    assert not list((tmp_path / "out").glob("*.partial"))


def test_scores_of_something_else_are_never_mixed_in(model: LoadedModel, source: Path, tmp_path: Path):
    score_batch(model, source, tmp_path / "out")
    with pytest.raises(Conflict, match="holds the scores of fraud_score version 1"):
        score_batch(model, source, tmp_path / "out", attributions=True)
    pq.write_table(table_for(model, seed=4), source)
    with pytest.raises(Conflict, match="as it was before"):
        score_batch(model, source, tmp_path / "out")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(Conflict, match="not empty"):
        score_batch(model, source, tmp_path / "other")


def test_rows_deleted_from_a_delta_table_stay_deleted(model: LoadedModel, tmp_path: Path):
    table = tmp_path / "delta"
    write_deltalake(str(table), table_for(model, 100))
    DeltaTable(str(table)).delete("event_id IN ('e3', 'e4')")
    assert score_batch(model, table, tmp_path / "out").rows == 98
    assert not {"e3", "e4"} & set(scores_in(tmp_path / "out")["event_id"].to_pylist())


def test_rows_that_a_deletion_vector_marks_are_refused_not_scored(model: LoadedModel, tmp_path: Path):
    table = tmp_path / "delta"
    write_deltalake(str(table), table_for(model, 10))
    commit = table / "_delta_log" / f"{0:020d}.json"
    actions = [json.loads(line) for line in commit.read_text().splitlines()]
    features = ["deletionVectors"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}
    changed = [{"protocol": protocol} if "protocol" in action else action for action in actions]
    commit.write_text("\n".join(map(json.dumps, changed)))
    with pytest.raises(Unavailable, match="uses deletionVectors"):
        score_batch(model, table, tmp_path / "out")


def test_missing_store_features_are_joined(model: LoadedModel, source: Path, tmp_path: Path):
    full = pq.read_table(source)
    pq.write_table(full.drop_columns(["card_velocity__tx_count_1h"]), tmp_path / "bare.parquet")

    def join(rows: pa.Table) -> pa.Table:
        positions = [int(event[1:]) for event in rows["event_id"].to_pylist()]
        return rows.append_column("card_velocity__tx_count_1h", full["card_velocity__tx_count_1h"].take(positions))

    score_batch(model, source, tmp_path / "all")
    score_batch(model, tmp_path / "bare.parquet", tmp_path / "joined", join=join, chunk_rows=333)
    assert scores_in(tmp_path / "joined")["score"].equals(scores_in(tmp_path / "all")["score"])


def test_what_cannot_be_scored_is_refused_before_anything_is_written(model: LoadedModel, source: Path, tmp_path: Path):
    full = pq.read_table(source)
    bad = {
        "lacks amount": full.drop_columns(["amount"]),
        "lacks card_velocity__tx_count_1h": full.drop_columns(["card_velocity__tx_count_1h"]),
        "'amount' is string": full.set_column(
            full.schema.get_field_index("amount"), "amount", pa.array(["x"] * ROWS, pa.string())
        ),
    }
    for says, rows in bad.items():
        pq.write_table(rows, tmp_path / "bad.parquet")
        with pytest.raises(InvalidInput, match=says):
            score_batch(model, tmp_path / "bad.parquet", tmp_path / "out")
    with pytest.raises(NotFound, match="nothing at"):
        score_batch(model, tmp_path / "absent", tmp_path / "out")
    (tmp_path / "torn.parquet").write_bytes(source.read_bytes()[:-10])
    with pytest.raises(Unavailable, match="cannot be read as Parquet"):
        score_batch(model, tmp_path / "torn.parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()
