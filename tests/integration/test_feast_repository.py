"""A Feast repository beside Feast itself: what is declared is carried over or named, what is stored reads the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from interfaces.cli.main import app
from interfaces.principals import add_principal
from platform_core.attached.feast.names import key_parts, our_name
from platform_core.attached.feast.online import FeastOnlineStore
from platform_core.attached.feast.repository import Imported, read_repository
from platform_core.attached.feast.sources import SourceImport
from platform_core.attached.feast.wire import INT32, INT64, STRING, NotCarried, decode_key, decode_value, encode_key
from platform_core.catalog.loading import load_catalog
from platform_core.catalog.specs import Feature
from platform_core.catalog.writing import write_catalog
from platform_core.features.keys import entity_key
from platform_core.features.online.rows import FeatureRow
from tests.fakes.feast_repository import HOUR, NOW, US, FeastRepository, drivers, make_repository, quiet

DAY = {"driver_stats": timedelta(days=1)}
FEATURES = ("conv_rate", "trips", "city", "ok", "last_trip")


@pytest.fixture(scope="module")
def feast(tmp_path_factory: pytest.TempPathFactory) -> FeastRepository:
    return make_repository(tmp_path_factory.mktemp("feast") / "repository")


@pytest.fixture(scope="module")
def imported(feast: FeastRepository) -> Imported:
    with quiet():
        return read_repository(feast.path)


@pytest.fixture
def online(feast: FeastRepository) -> FeastOnlineStore:
    return FeastOnlineStore(feast.path)


def test_it_is_one_environments_and_feast_does_not_mind(feast: FeastRepository, online: FeastOnlineStore) -> None:
    assert [online.claim("production"), online.claim("staging")] == ["production", "production"]
    assert (feast.path / "data" / "online.db.environment").read_text() == "production\n"
    with quiet():
        feast.store.refresh_registry()
        assert len(feast.store.list_feature_views()) == 2


def test_the_registry_becomes_a_catalog(imported: Imported, feast: FeastRepository) -> None:
    catalog = imported.catalog
    assert {e.name: e.join_keys for e in catalog.entities} == {
        "shop_customer": ("shop_id", "customer_id"),  # as the view names them, not by their names
        "driver": ("driver_id",),
        "shop": ("shop_id",),
        "customer": ("customer_id",),
    }
    stats = catalog.feature_view("driver_stats")
    assert [(f.name, f.dtype) for f in stats.fields] == [
        ("conv_rate", "float64"),
        ("trips", "int64"),
        ("city", "string"),
        ("ok", "bool"),
        ("last_trip", "timestamp"),
    ]
    assert (stats.ttl, stats.owner, stats.description) == (timedelta(days=1), "ops", "what drivers did")
    source = catalog.source("drivers")
    assert (source.tenant, source.path) == ("shop", str(feast.path / "data" / "drivers.parquet"))
    assert (source.event_timestamp, source.created_timestamp) == ("event_timestamp", "created")
    assert catalog.feature_view("loyalty").entity == "shop_customer"
    assert catalog.feature_service("dispatch_v1").features == (
        "driver_stats:conv_rate",
        "driver_stats:trips",
        "loyalty:spent",
    )


@pytest.mark.parametrize(
    "note",
    [
        "feature 'routes' of feature view 'driver_stats' is not carried over: type Array(String)",
        "feature service 'dispatch_v1' loses driver_stats:routes, which was not carried over",
        "feature view 'Loyalty' has no ttl in Feast (values never expire): 3650d was written, choose one",
        "view 'Loyalty' also takes PushSource 'orders_pushed': only its batch source is read",
        "data source 'orders' has no created time: the event time stands for it",
        "entity 'shop_customer' was made for views of shop, Customer together",
    ],
)
def test_what_is_not_carried_over_is_named(imported: Imported, note: str) -> None:
    assert note in imported.notes


def test_the_files_read_back_as_the_same_catalog(imported: Imported, tmp_path: Path) -> None:
    files = write_catalog(imported.catalog, tmp_path / "catalog", imported.notes)
    assert load_catalog(tmp_path / "catalog") == imported.catalog
    assert all(f.read_text().startswith("# ") for f in files)
    with pytest.raises(Conflict, match=r"entities\.yaml.* would be overwritten"):
        write_catalog(imported.catalog, tmp_path / "catalog")


def test_online_values_are_those_that_feast_hands_out(feast: FeastRepository, online: FeastOnlineStore) -> None:
    answer = feast.online([f"driver_stats:{name}" for name in FEATURES], [{"driver_id": n} for n in (1001, 1002, 7)])
    rows = online.read("shop", [("driver_stats", key) for key in ("1001", "1002", "7")], now=NOW, ttls=DAY)
    assert [r.status for r in rows] == ["present", "present", "missing"]
    for place, row in enumerate(rows):
        for name in FEATURES:
            theirs = answer[name][place]
            assert row.values.get(name) == theirs, name
    assert rows[0].event_ts == NOW - HOUR
    assert "routes" not in rows[0].values


def test_many_keys_of_several_views_come_in_the_order_asked(online: FeastOnlineStore) -> None:
    keys = [entity_key(("c|1", "s")), entity_key(("c2", "s")), entity_key(("c", "1|s")), entity_key(("c", "s"))]
    stats, loyalty = online.read_views("shop", [("driver_stats", ["7", "1001"]), ("loyalty", keys)], now=NOW, ttls={})
    assert stats.columns(["trips", "nothing"]).values == [[None, 12], [None, None]]
    spent = loyalty.columns(["spent"])
    assert (spent.values, spent.statuses[0][-1]) == ([[1.0, 3.0, 2.0, None]], "missing")


def test_feast_hands_out_what_is_expired_and_we_do_not(feast: FeastRepository, online: FeastOnlineStore) -> None:
    """A known deviation of Feast: the ttl is not enforced online."""
    assert feast.online(["driver_stats:trips"], [{"driver_id": 1003}])["trips"] == [30]
    assert online.read("shop", [("driver_stats", "1003")], now=NOW, ttls=DAY)[0].status == "expired"


def test_the_store_tells_its_newest_and_last_rows(online: FeastOnlineStore) -> None:
    assert online.views() == ["driver_stats", "loyalty"]
    assert online.newest_event("shop", "driver_stats") == NOW - HOUR
    sample = online.sample("shop", "driver_stats", 2)
    assert len(sample) == 2
    assert {r.key for r in online.sample("shop", "loyalty", 10)} == {r"c\|1|s", "c2|s", r"c|1\|s"}


def test_keys_are_made_in_the_order_that_the_catalog_has(feast: FeastRepository, online: FeastOnlineStore) -> None:
    keys, spent = {r"s|c\|1": 1.0, r"1\|s|c": 2.0, "s|c2": 3.0}, ["spent"]
    ours = FeastOnlineStore(feast.path, join_keys={"loyalty": ("shop_id", "customer_id")})
    (found,) = ours.read_views("shop", [("loyalty", [*keys, r"c\|1|s"])], now=NOW, ttls={})
    assert found.columns(spent).values == [[*keys.values(), None]]
    assert {row.key for row in ours.sample("shop", "loyalty", 9)} == set(keys)
    (by_name,) = online.read_views("shop", [("loyalty", [r"c\|1|s", r"s|c\|1"])], now=NOW, ttls={})
    assert by_name.columns(spent).values == [[1.0, None]]
    others = FeastOnlineStore(feast.path, join_keys={"loyalty": ("shop_id", "card_id")})
    with pytest.raises(InvalidInput, match="the catalog has loyalty by shop_id, card_id, Feast's store by customer_id"):
        others.read_views("shop", [("loyalty", ["s|c"])], now=NOW, ttls={})


def test_it_is_one_tenants_and_is_only_read(online: FeastOnlineStore) -> None:
    assert online.read("other", [("driver_stats", "1001")], now=NOW, ttls={})[0].status == "missing"
    assert online.newest_event("other", "driver_stats") is None
    assert online.newest_event("shop", "nothing") is None
    row = FeatureRow("1001", NOW, NOW, {"trips": 1})
    for change in (online.write, online.restore):
        with pytest.raises(Forbidden, match="only read"):
            change("shop", "driver_stats", [row])
    with pytest.raises(InvalidInput, match="'x' is not a whole number"):
        online.read("shop", [("driver_stats", "x")], now=NOW, ttls={})
    with pytest.raises(InvalidInput, match=r"'c2' is not a key of 'loyalty'.*"):
        online.read("shop", [("loyalty", "c2")], now=NOW, ttls={})


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (None, NotFound, "no Feast repository"),
        ("[", InvalidInput, "cannot be read"),
        ("provider: local", InvalidInput, "names no project"),
        ("project: shop\nonline_store: {type: redis}", InvalidInput, "online store is 'redis'"),
        ("project: shop\nentity_key_serialization_version: 2", InvalidInput, "version is 2"),
        ("project: shop", NotFound, "online.db' is not there"),
    ],
)
def test_a_store_that_is_not_there_or_not_ours_to_read(
    tmp_path: Path, config: str | None, error: type[Exception], message: str
) -> None:
    if config is not None:
        (tmp_path / "feature_store.yaml").write_text(config)
    with pytest.raises(error, match=message):
        FeastOnlineStore(tmp_path)


def test_a_damaged_store_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "feature_store.yaml").write_text("project: shop")
    (tmp_path / "data" / "online.db").write_bytes(b"half a file, not a database at all" * 40)
    with pytest.raises(Unavailable, match=r"online\.db' did not answer"):
        FeastOnlineStore(tmp_path)


def test_a_registry_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "feature_store.yaml").write_text("project: shop\nregistry: data/registry.db")
    with pytest.raises(NotFound, match=r"registry\.db' is not there"):
        read_repository(tmp_path)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "parts", [[("a", INT64, "-5")], [("a", INT32, "7"), ("b", STRING, "ñ|\\")], [("b", STRING, ""), ("a", INT64, "1")]]
)
def test_keys_are_feasts_own_bytes(parts: list[tuple[str, int, str]]) -> None:
    with quiet():
        from feast.infra.key_encoding_utils import serialize_entity_key
        from feast.protos.feast.types.EntityKey_pb2 import EntityKey
        from feast.protos.feast.types.Value_pb2 import Value

        members = {INT64: "int64_val", INT32: "int32_val", STRING: "string_val"}
        values = [Value(**{members[kind]: text if kind == STRING else int(text)}) for _, kind, text in parts]
        theirs = serialize_entity_key(EntityKey(join_keys=[n for n, _, _ in parts], entity_values=values))
    assert encode_key(parts) == theirs
    assert decode_key(theirs) == sorted(parts)


def test_values_are_feasts_own_bytes() -> None:
    from feast.protos.feast.types.Value_pb2 import StringList, Value

    given: list[tuple[dict[str, Any], Any]] = [
        ({}, None),
        ({"string_val": "é" * 200}, "é" * 200),
        ({"string_val": ""}, ""),
        ({"int32_val": -3}, -3),
        ({"int64_val": -(2**63)}, -(2**63)),
        ({"int64_val": 2**63 - 1}, 2**63 - 1),
        ({"double_val": 0.1}, 0.1),
        ({"float_val": 0.5}, 0.5),
        ({"bool_val": True}, True),
        ({"bool_val": False}, False),
        ({"unix_timestamp_val": int(NOW.timestamp())}, NOW),
    ]
    for members, value in given:
        assert decode_value(Value(**members).SerializeToString()) == value
    with pytest.raises(NotCarried):
        decode_value(Value(string_list_val=StringList(val=["a"])).SerializeToString())
    for blob in (b"\x12\x05ab", b"\x29\x00", b"\x20\xff", b"\x20" + b"\xff" * 11):
        with pytest.raises(Unavailable, match="not one of Feast's"):
            decode_value(blob)
    for blob in (b"", b"\x01\x00\x00\x00\x02\x00\x00\x00\xff\x00\x00\x00a", b"\x00\x00\x00\x00x"):
        with pytest.raises(Unavailable, match="not one of Feast's version 3"):
            decode_key(blob)


@pytest.mark.parametrize(
    "values", [("a",), ("a|b", "c"), ("a", "b|c"), ("", ""), ("a\\", "b"), ("x", "", "|"), ("\\|", "\\")]
)
def test_our_keys_come_apart_as_they_were_put_together(values: tuple[str, ...]) -> None:
    assert tuple(key_parts(entity_key(values), len(values))) == values


def test_names_fit() -> None:
    assert [our_name(n) for n in ("Driver Stats", "_x", "driver_stats")] == ["driver_stats", "f_x", "driver_stats"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIGIA__CATALOG_PATH", "catalog")
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def test_the_command_writes_files_for_review(feast: FeastRepository, project: Path) -> None:
    command = ["features", "import-feast", str(feast.path), "-o", "catalog", "--tenant", "pe"]
    with quiet():
        done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "shop: 4 entities, 2 sources, 2 feature views, 1 feature services are in catalog" in done.output
    assert "review: feature 'routes' of" in done.output
    views = yaml.safe_load((project / "catalog" / "feature_views.yaml").read_text())["feature_views"]
    assert views[0]["schema"][1] == {"name": "trips", "dtype": "int64", "description": "how many"}
    planned = CliRunner().invoke(app, ["features", "plan", "--json"], catch_exceptions=False)
    assert {c["change"] for c in json.loads(planned.output)["changes"]} == {"added"}


@pytest.fixture
def history(feast: FeastRepository, project: Path) -> Any:
    """(our history, the imported catalog) after a backfill from Feast's own Parquet, read in place."""
    from interfaces.bootstrap.foundations import open_foundations
    from interfaces.bootstrap.materialization import make_materialization
    from interfaces.settings import load_settings

    with quiet():
        write_catalog(read_repository(feast.path).catalog, project / "catalog")
    parts = make_materialization(open_foundations(load_settings()))
    run = parts.materializer.backfill("driver_stats", NOW - timedelta(days=3), NOW, "shop")
    assert (run.status, run.rows) == ("succeeded", 5), run.error
    return parts.view.offline, parts.catalog


def test_history_is_feasts_where_feast_is_right(feast: FeastRepository, history: Any) -> None:
    import pandas as pd

    from platform_core.features.historical import get_historical_features

    asked = [(1001, 0.5), (1001, 2), (1001, 4.5), (1002, 1), (1001, 28)]
    rows = pa.table(
        {
            "driver_id": pa.array([driver for driver, _ in asked], pa.int64()),
            "event_timestamp": pa.array([NOW - hours * HOUR for _, hours in asked], US),
            "label": pa.array(range(len(asked)), pa.int64()),
        }
    )
    features = [f"driver_stats:{name}" for name in FEATURES]
    ours = get_historical_features(*history, features, rows, tenant="shop", full_names=False).to_pylist()
    frame = pd.DataFrame({name: rows[name].to_pylist() for name in rows.column_names})
    theirs = feast.historical(features, frame).sort_values("label").to_dict("records")
    assert len(theirs) == len(ours)
    for our, their in zip(ours, theirs, strict=True):
        for name in FEATURES:
            value = their[name]
            assert our[name] == (None if pd.isna(value) else value), (name, our, their)


def test_the_sources_stay_feasts(feast: FeastRepository, project: Path) -> None:
    from platform_core.features.offline.delta import DeltaOfflineStore
    from platform_core.features.offline.placed import PlacedOfflineStore

    path = feast.path / "data" / "drivers.parquet"
    store = PlacedOfflineStore(DeltaOfflineStore(project / "offline"), {"drivers": path})
    assert store.read("drivers", columns=["trips"]).num_rows == 5
    before = path.read_bytes()
    with pytest.raises(Forbidden, match="belongs to somebody else"):
        store.append("drivers", drivers())
    assert path.read_bytes() == before


def test_feast_drops_and_collapses_rows_and_we_do_not(feast: FeastRepository, history: Any) -> None:
    """Known deviations of Feast: a training row whose every candidate is expired is gone, equal rows are one."""
    import pandas as pd

    from platform_core.features.historical import get_historical_features

    drivers, hours = [1003, 1001, 1001], [0.5, 2, 2]
    moments = [NOW - h * HOUR for h in hours]
    frame = pd.DataFrame({"driver_id": drivers, "event_timestamp": moments})
    assert feast.historical(["driver_stats:trips"], frame)["trips"].tolist() == [11]
    rows = pa.table({"driver_id": drivers, "event_timestamp": pa.array(moments, US)})
    ours = get_historical_features(*history, ["driver_stats:trips"], rows, tenant="shop", statuses=True)
    assert ours["driver_stats__trips"].to_pylist() == [None, 11, 11]
    assert ours["driver_stats__trips__status"].to_pylist() == ["expired", "present", "present"]


def test_online_features_can_come_from_feasts_store(
    feast: FeastRepository, history: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIA__ONLINE__KIND", "feast")
    monkeypatch.setenv("VIGIA__ONLINE__URL", str(feast.path))
    monkeypatch.setenv(
        "VIGIA_API_KEY",
        add_principal(project / "data" / "principals.yaml", name="ana", roles=["viewer"], tenants=["shop"]),
    )
    asked = ["features", "get", "loyalty:spent", "-e", "customer_id=c|1", "-e", "shop_id=s", "--json"]
    done = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert (found["tenant"], found["values"], found["statuses"]) == (
        "shop",
        {"loyalty__spent": [1.0]},
        {"loyalty__spent": ["present"]},
    )


def test_times_without_a_zone_are_said_at_import(tmp_path: Path) -> None:
    class Source:
        name, path, field_mapping = "trips", "trips.parquet", {}
        timestamp_field, created_timestamp_column, owner, description = "at", "", "", ""

    Source.__name__ = "FileSource"
    view = SimpleNamespace(name="v", batch_source=Source(), stream_source=None)
    naive = pa.table({"at": pa.array([NOW.replace(tzinfo=None)], pa.timestamp("us")), "id": ["a"], "x": [1.5]})
    pq.write_table(naive, tmp_path / "trips.parquet")
    notes: list[str] = []
    SourceImport(tmp_path, "shop", notes).source(view, ["id"], {}, [Feature(name="x")])
    assert "column 'at' of 'trips' has times without a zone: write them as UTC to read it" in notes
