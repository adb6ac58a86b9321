"""A source that is not as the catalog says: the run names the row, the type, or the path as it was declared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foundation.clock import FixedClock
from platform_core.catalog.specs import Catalog
from platform_core.features.materialization import Materializer
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.offline.placed import PlacedOfflineStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.progress import InMemoryProgress
from tests.fakes.velocity import CATALOG, NOW, TIMESTAMP, Operations, Resources

ROWS = 50
AMOUNTS = [str(n) for n in range(ROWS)]
AMOUNTS[7] = "12,50"


def rows(**other: Any) -> pa.Table:
    times: Any = pa.array([NOW] * ROWS, TIMESTAMP)
    columns = {
        "event_id": [f"e{n}" for n in range(ROWS)], "event_ts": times, "ingested_at": times,
        "card_id": [f"c{n % 5}" for n in range(ROWS)], "device_id": ["d"] * ROWS, "amount": [1.0] * ROWS,
    }  # fmt: skip
    return pa.table({name: values for name, values in (columns | other).items() if values is not None})


CASES: dict[str, tuple[dict[str, Any] | None, str]] = {
    "a text among numbers": (
        {"amount": AMOUNTS},
        "contract broken: column 'amount' of source payments_br is not double: row 7 of the 50 read (event_id 'e7') "
        "holds the string '12,50' (correct the row where it is written, or the dtype in the catalog)",
    ),
    "structs for numbers": (
        {"amount": [{"a": 1}] * ROWS}, "row 0 of the 50 read (event_id 'e0') holds the struct<a: int64> \"{'a': 1}\"",
    ),
    "a column that is gone": (
        {"card_id": None},
        "contract broken: source payments_br has no column 'card_id', which card_velocity reads; it has event_id (",
    ),
    "no key anywhere": (
        {"card_id": pa.nulls(ROWS, pa.string())},
        "contract broken: of the 50 rows of source payments_br none has card_id and event_ts",
    ),
    "nothing there": (None, "source payments_br cannot be read: nothing lies at its path '{path}' (a Parquet"),
}  # fmt: skip


def placed(path: Path, **column: str) -> Catalog:
    sources = tuple(
        s.model_copy(
            update={
                "path": str(path),
                "columns": tuple(c.model_copy(update={"pii": column.get(c.name, c.pii)}) for c in s.columns),
            }
        )
        for s in CATALOG.sources
    )
    return CATALOG.model_copy(update={"sources": sources})


def materializer(catalog: Catalog, directory: Path) -> Materializer:
    places = {s.table: Path(s.path) for s in catalog.sources if s.path is not None}
    offline = PlacedOfflineStore(DeltaOfflineStore(directory / "offline"), places)
    online = SqliteOnlineStore(directory / "online.db")
    return Materializer(catalog, offline, online, Resources(), Operations(), FixedClock(NOW), InMemoryProgress())


def catch_up(made: Materializer) -> str | None:
    return made.catch_up("card_velocity", "br").error


def backfill(made: Materializer) -> str | None:
    return made.backfill("card_velocity", NOW.replace(hour=0), NOW.replace(hour=23), "br").error


@pytest.mark.parametrize("run", [catch_up, backfill])
@pytest.mark.parametrize("case", CASES)
def test_the_run_says_where_and_what(case: str, run: Callable[[Materializer], str | None], tmp_path: Path) -> None:
    other, said = CASES[case]
    path = tmp_path / "payments.parquet"
    if other is not None:
        pq.write_table(rows(**other), path)
    assert said.replace("{path}", str(path)) in (run(materializer(placed(path), tmp_path)) or "")


def test_what_a_column_with_personal_data_holds_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "payments.parquet"
    pq.write_table(rows(amount=AMOUNTS), path)
    error = catch_up(materializer(placed(path, amount="sensitive", event_id="pii"), tmp_path)) or ""
    assert "row 7 of the 50 read holds the string (correct" in error
    assert "12,50" not in error
