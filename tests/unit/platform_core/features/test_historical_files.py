"""From file to file: chunk by chunk or at once, the same answer; a file is written whole or not at all."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foundation.errors import InvalidInput, NotFound
from platform_core.features.historical_files import historical_file
from platform_core.features.table_files import read_file, write_file
from tests.fakes.point_in_time import TIMESTAMP, Case, ShuffledStore, random_case

T0 = datetime(2026, 11, 19, tzinfo=UTC)


def large_case() -> Case:
    return max((random_case(seed) for seed in range(60)), key=lambda case: len(case.entity_rows))


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_chunks_make_no_difference(tmp_path: Path, ending: str) -> None:
    case = large_case()
    entities, whole, parts = (tmp_path / name for name in (f"asked{ending}", "whole.parquet", f"parts{ending}"))
    write_file(case.entity_rows, entities)
    first = historical_file(case.store, case.catalog, "all", entities, whole)
    second = historical_file(case.store, case.catalog, "all", entities, parts, chunk=7)
    assert (first.rows, first.columns) == (second.rows, second.columns) == (len(case.entity_rows), first.columns)
    assert read_file(whole).equals(read_file(parts))
    assert read_file(whole).select(case.entity_rows.column_names).equals(case.entity_rows)


def test_text_files_keep_keys_as_text_and_need_zones(tmp_path: Path) -> None:
    times = pa.array([T0], TIMESTAMP)
    card = {"tenant": ["br"], "key": ["007"], "event_ts": times, "created_ts": times, "mean": [7.0], "city": ["x"]}
    store = ShuffledStore({"features_card": pa.table(card)}, random.Random(1))
    catalog = random_case(0).catalog
    for ending, text in (
        (".csv", "tenant,card_id,event_timestamp\nbr,007,2026-11-18T21:30:00-03:00\n"),
        (".jsonl", '{"tenant": "br", "card_id": "007", "event_timestamp": "2026-11-19T00:30:00Z"}\n'),
    ):
        (tmp_path / f"asked{ending}").write_text(text)
        historical_file(store, catalog, ["card:mean"], tmp_path / f"asked{ending}", tmp_path / "out.csv")
        assert read_file(tmp_path / "out.csv")["card__mean"].to_pylist() == ["7"]
    (tmp_path / "naive.csv").write_text("tenant,card_id,event_timestamp\nbr,007,2026-11-18T21:30:00\n")
    with pytest.raises(InvalidInput, match=r"row 1 .*without a zone"):
        historical_file(store, catalog, ["card:mean"], tmp_path / "naive.csv", tmp_path / "out2.csv")
    (tmp_path / "words.csv").write_text("tenant,card_id,event_timestamp\nbr,007,yesterday\n")
    with pytest.raises(InvalidInput, match=r"row 1 .*'yesterday'"):
        historical_file(store, catalog, ["card:mean"], tmp_path / "words.csv", tmp_path / "out2.csv")
    assert not (tmp_path / "out2.csv").exists()


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    case = large_case()
    rows = case.entity_rows.to_pylist()
    rows[-1]["event_timestamp"] = None
    pq.write_table(pa.Table.from_pylist(rows, case.entity_rows.schema), tmp_path / "asked.parquet")
    with pytest.raises(InvalidInput, match="has no 'event_timestamp'"):
        historical_file(case.store, case.catalog, "all", tmp_path / "asked.parquet", tmp_path / "out.parquet", chunk=5)
    assert [p.name for p in tmp_path.iterdir()] == ["asked.parquet"]


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    case = large_case()
    asked, out = tmp_path / "asked.parquet", tmp_path / "out.parquet"
    with pytest.raises(NotFound, match=r"no file .*asked.parquet"):
        historical_file(case.store, case.catalog, "all", asked, out)
    asked.write_bytes(b"PAR1")
    with pytest.raises(InvalidInput, match=r"asked.parquet.* cannot be read"):
        historical_file(case.store, case.catalog, "all", asked, out)
    pq.write_table(case.entity_rows, asked)
    with pytest.raises(InvalidInput, match=r"out.xlsx.*known endings"):
        historical_file(case.store, case.catalog, "all", asked, tmp_path / "out.xlsx")
    with pytest.raises(NotFound, match="no directory"):
        historical_file(case.store, case.catalog, "all", asked, tmp_path / "nowhere" / "out.parquet")
    with pytest.raises(InvalidInput, match="known endings"):
        read_file(Path(__file__))


def test_no_rows_are_a_file_without_rows(tmp_path: Path) -> None:
    case = large_case()
    pq.write_table(case.entity_rows.slice(0, 0), tmp_path / "asked.parquet")
    written = historical_file(case.store, case.catalog, "all", tmp_path / "asked.parquet", tmp_path / "out.parquet")
    assert (written.rows, read_file(tmp_path / "out.parquet").num_rows) == (0, 0)
