"""`vigia features historical`: a file in, a file out, and what is said when that cannot be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from foundation.errors import Forbidden, InvalidInput, NotFound, VigiaError
from interfaces.cli.features import app
from interfaces.principals import add_principal
from platform_core.features.offline.delta import DeltaOfflineStore

T0 = datetime(2026, 11, 19, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", "UTC")
CATALOG = """
entities:
  - {name: account, join_keys: [country, number], description: d}
sources:
  - name: payments
    tenant: br
    table: payments
    owner: o
    columns:
      - {name: country, dtype: string, description: d}
      - {name: number, dtype: int64, description: d}
      - {name: event_ts, dtype: timestamp, description: d}
      - {name: ingested_at, dtype: timestamp, description: d}
      - {name: amount, dtype: float64, description: d}
feature_views:
  - name: spending
    entity: account
    sources: [payments]
    ttl: 24h
    freshness_sla: 1h
    owner: o
    channel: "#c"
    description: d
    aggregations:
      - {name: sum_1h, function: sum, column: amount, window: 1h, filter: amount > 0}
feature_services:
  - {name: fraud, features: ["spending:sum_1h"], owner: o, description: d}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "all.yaml").write_text(CATALOG)
    rows = pa.table(
        {
            "tenant": ["br", "br"],
            "key": ["AR|7", "AR|7"],
            "event_ts": pa.array([T0, T0], TIMESTAMP),
            "created_ts": pa.array([T0, T0 + timedelta(hours=2)], TIMESTAMP),
            "sum_1h": [10.0, 50.0],
        }
    )
    DeltaOfflineStore(tmp_path / "data" / "offline").append("features_spending", rows)
    asked = {
        "country": ["AR", "AR"],
        "number": [7, 8],
        "event_timestamp": pa.array([T0 + timedelta(hours=1)] * 2, TIMESTAMP),
    }
    pq.write_table(pa.table(asked), tmp_path / "asked.parquet")
    people = tmp_path / "data" / "principals.yaml"
    keys = {n: add_principal(people, name=n, roles=["viewer"], tenants=[t]) for n, t in (("ana", "br"), ("eve", "ar"))}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    return tmp_path


def historical(place: Path, *arguments: str, person: str = "ana") -> str:
    """What it prints; what it raises is raised (`interfaces.cli.main` makes a line of it)."""
    keys = json.loads((place / "keys.json").read_text())
    settings = {
        "VIGIA__DATA_DIR": str(place / "data"),
        "VIGIA__CATALOG_PATH": str(place / "catalog"),
        "VIGIA_API_KEY": keys[person],
    }
    done = CliRunner().invoke(app, ["historical", *arguments], env=settings, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_from_file_to_file(place: Path) -> None:
    asked, now, then = (str(place / name) for name in ("asked.parquet", "now.parquet", "then.csv"))
    said = historical(place, "fraud", "--entities", asked, "--out", now, "--tenant", "br", "--statuses")
    assert f"2 rows with 5 columns are in {now}" in said
    answer = pq.read_table(now)
    assert answer["spending__sum_1h"].to_pylist() == [50.0, None]
    assert answer["spending__sum_1h__status"].to_pylist() == ["present", "missing"]
    known = ("spending:sum_1h", "--entities", asked, "-o", then, "--tenant", "br", "--as-of", "created", "--json")
    assert json.loads(historical(place, *known))["rows_read"] == {"spending": 2}
    assert [line.split(",")[-1] for line in Path(then).read_text().splitlines()[1:]] == ["10", ""]


@pytest.mark.parametrize(
    ("service", "file", "said"),
    [
        ("frad", "asked.parquet", "no feature service 'frad'"),
        ("fraud", "asked.parquet", "lack the column 'tenant'"),
        ("fraud", "nowhere.parquet", "no file .*nowhere.parquet"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(place: Path, service: str, file: str, said: str) -> None:
    with pytest.raises(VigiaError, match=said):
        historical(place, service, "--entities", str(place / file), "--out", str(place / "out.parquet"))
    assert not (place / "out.parquet").exists()


def test_the_entity_rows_are_not_written_over(place: Path) -> None:
    asked = place / "asked.parquet"
    before = asked.read_bytes()
    (place / "alias.parquet").symlink_to(asked)
    for out in (asked, place / "alias.parquet"):
        with pytest.raises(InvalidInput, match="--out is the file of the entity rows"):
            historical(place, "fraud", "--entities", str(asked), "--out", str(out), "--tenant", "br")
    assert asked.read_bytes() == before


def test_a_tenant_that_is_none_is_no_file_of_nulls(place: Path) -> None:
    asked, out = place / "asked.parquet", place / "out.parquet"
    with pytest.raises(NotFound, match="no tenant 'ar'"):
        historical(place, "fraud", "--entities", str(asked), "--out", str(out), "--tenant", "ar", person="eve")
    assert not out.exists()


def test_another_tenants_past_is_refused_whoever_names_the_tenant(place: Path) -> None:
    asked, out = place / "asked.parquet", place / "out.parquet"
    with pytest.raises(Forbidden, match="human:eve may not read features of tenant 'br'"):
        historical(place, "fraud", "--entities", str(asked), "--out", str(out), "--tenant", "br", person="eve")
    rows = pq.read_table(asked)
    pq.write_table(rows.append_column("tenant", pa.array(["ar", "br"])), asked)
    for person, other in (("eve", "br"), ("ana", "ar")):
        with pytest.raises(Forbidden, match=f"tenant {other!r}"):
            historical(place, "fraud", "--entities", str(asked), "--out", str(out), person=person)
    assert not out.exists()
