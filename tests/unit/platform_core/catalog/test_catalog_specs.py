"""What the specs hold beyond what a file must say, and the lines that complaints point to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from foundation.errors import InvalidInput
from platform_core.catalog.loading import load_catalog
from platform_core.catalog.specs import Aggregation, Catalog, Entity, Feature, FeatureView

CATALOG = """\
entities:
  - {name: card, join_key: card_id, description: a card}
  - name: card_at_merchant
    join_keys: [card_id, merchant_id]
    description: a card at one merchant
sources:
  - name: payments_br
    tenant: br
    table: payments_br
    owner: risk
    channel: "#risk"
    description: payments
    environments: [dev, production]
    monitors: {volume_share: null, drift_psi: 0.3}
    columns:
      - {name: event_ts, dtype: timestamp, description: time}
      - {name: ingested_at, dtype: timestamp, description: time}
      - {name: card_id, dtype: string, description: card, pii: quasi}
      - {name: merchant_id, dtype: string, description: merchant}
      - {name: country, dtype: string, description: country}
      - {name: amount, dtype: float64, description: amount, minimum: 0, maximum: 100}
feature_views:
  - name: card_velocity
    entity: card
    sources: [payments_br]
    ttl: 24h
    freshness_sla: 10m
    latency_sla: 20ms
    owner: risk
    channel: "#risk"
    description: velocity
    environments: [production]
    monitors: {freshness: false}
    aggregations:
      - {function: sum, column: amount, windows: [1h, 24h]}
      - {name: tx, function: count, column: card_id, windows: [7d]}
      - {function: last, column: amount, window: 1h}
    schema:
      - {name: amount_sum_1h, description: spent, minimum: 0, max_null_rate: 0.5}
  - name: card_profile
    entity: card_at_merchant
    sources: [payments_br]
    ttl: 30d
    freshness_sla: 1d
    owner: risk
    channel: "#risk"
    description: profile
    environments: [production]
    schema:
      - {name: country, dtype: string, pii: quasi}
      - {name: amount}
feature_services:
  - name: fraud_v1
    owner: risk
    description: fraud
    environments: [production]
    features: ["card_velocity:amount_sum_24h", "card_profile:country"]
"""
SCHEMA = """\
    schema:
      - {name: country, dtype: string, pii: quasi}
      - {name: amount}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "all.yaml").write_text(CATALOG)
    return tmp_path / "all.yaml"


@pytest.fixture
def catalog(file: Path) -> Catalog:
    return load_catalog(file.parent)


def test_windows_are_one_feature_each(catalog: Catalog) -> None:
    view = catalog.feature_view("card_velocity")
    names = ["amount_sum_1h", "amount_sum_24h", "tx_7d", "amount_last_1h"]
    assert [a.name for a in view.aggregations] == names
    assert [f.name for f in view.fields] == names
    assert view.aggregations[2] == Aggregation(name="tx_7d", function="count", column="card_id", window="7d")  # type: ignore[arg-type]
    assert view.fields[0] == Feature(name="amount_sum_1h", description="spent", minimum=0, max_null_rate=0.5)
    assert view.fields[1] == Feature(name="amount_sum_24h", dtype="float64")
    assert (view.latency_sla, view.environments) == (timedelta(milliseconds=20), ("production",))
    assert (view.monitors.freshness, view.monitors.job_failures) == (False, 2)


def test_a_view_without_aggregations_has_its_sources_columns(catalog: Catalog) -> None:
    view = catalog.feature_view("card_profile")
    assert [(f.name, f.dtype, f.pii) for f in view.fields] == [
        ("country", "string", "quasi"),
        ("amount", "float64", "none"),
    ]
    assert catalog.tenants("card_profile") == ("br",)
    assert catalog.source("payments_br").deployment is None
    assert catalog.source("payments_br").monitors.volume_share is None


def test_join_keys_are_one_or_several(catalog: Catalog) -> None:
    assert catalog.entity("card").join_key == "card_id"
    assert catalog.entity("card_at_merchant").join_keys == ("card_id", "merchant_id")
    with pytest.raises(InvalidInput, match="several join keys: card_id, merchant_id"):
        _ = catalog.entity("card_at_merchant").join_key
    with pytest.raises(ValueError, match="join_key or join_keys, not both"):
        Entity.model_validate({"name": "a", "join_key": "b", "join_keys": ["b"], "description": ""})
    with pytest.raises(ValueError, match="at least 1 item"):
        Entity(name="a", join_keys=(), description="")


def test_what_is_stored_reads_back_the_same(catalog: Catalog) -> None:
    assert Catalog.model_validate(catalog.model_dump(mode="json")) == catalog


def test_a_view_can_be_made_in_code_too(catalog: Catalog) -> None:
    view = catalog.feature_view("card_profile")
    assert FeatureView(**dict(view)) == view


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("latency_sla: 20ms", "latency_slo: 20ms", r"all.yaml:28: feature_views\[card_velocity\].latency_slo: unknown"),
        ("max_null_rate: 0.5", "max_nul_rate: 0.5", r"all.yaml:39: .*\[amount_sum_1h\].max_nul_rate: unknown key; did"),
        ("max_null_rate: 0.5", "max_null_rate: 5", r"all.yaml:39: .*max_null_rate: input should be less than or equal"),
        ("windows: [7d]", "windows: [7d, soon]", r"all.yaml:36: .*\[tx_soon\].window: 'soon' is not a duration; write"),
        ("windows: [7d]", "windws: [7d]", r"all.yaml:36: .*windws: unknown key; did you mean 'windows'"),
        ("windows: [7d]", "windows: 7d", r"all.yaml:36: .*aggregations\[tx\].windows: must be a list, is '7d'"),
        ("ttl: 30d", "ttl: 30", r"all.yaml:43: .*ttl: 30 is not a duration; write 20ms"),
        ("join_key: card_id", "join_kee: card_id", r"all.yaml:2: entities\[card\].join_kee: unknown key; did you mean"),
        ("tenant: br", "tenant: no", r"all.yaml:8: .*tenant: .*got False; quote it: YAML reads yes, no"),
        ("tenant: br", "tenant: br\n    tenant: mx", r"all.yaml:9: 'tenant' is written twice"),
        ("maximum: 100", "maximum: -1", r"all.yaml:21: sources\[payments_br\].columns\[amount\]: minimum 0 is over"),
        ("maximum: 100", "maximum: .nan", r"all.yaml:21: .*\[amount\].maximum: input should be a finite number"),
        ("name: card_profile", "name: Card Profile", r"all.yaml:40: .*must be lower-case letters"),
        (
            "dtype: string, pii: quasi}\n      - {name: amount}",
            "dtype: int64}",
            r"all.yaml:50: .*'country' of source .*is string, not int64",
        ),
        ("{name: amount}\n", "{name: amuont}\n", r"all.yaml:51: .*has no column 'amuont'; did you mean 'amount'"),
        ("{name: amount_sum_1h,", "{name: amount_sum_2h,", r"no aggregation is called 'amount_sum_2h'; did you mean"),
        ("{name: amount_sum_1h,", "{name: amount_sum_1h, dtype: int64,", r"an aggregation is float64, not int64"),
        (
            "windows: [7d]}",
            "window: 7d}\n      - {name: key, function: count, column: card_id, window: 7d}",
            "'key' is the name of a col",
        ),
        (
            "join_keys: [card_id, merchant_id]",
            "join_keys: [card_id, shop_id]",
            r"all.yaml:42: .*has no column 'shop_id'",
        ),
        (
            "environments: [dev, production]",
            "environments: [dev]",
            r"all.yaml:32: .*source 'payments_br' is not in production",
        ),
        (
            "    environments: [production]\n    features",
            "    features",
            r"feature view 'card_velocity' is not in dev, stag",
        ),
        (SCHEMA, "", "needs aggregations, or a schema"),
        ("sources: [payments_br]", "sources: []", r"all.yaml:25: .*a view needs a source"),
    ],
)
def test_what_is_refused_is_named_with_its_line(file: Path, old: str, new: str, message: str) -> None:
    assert old in CATALOG
    file.write_text(CATALOG.replace(old, new, 1))
    with pytest.raises(InvalidInput, match=message):
        load_catalog(file.parent)


def test_all_that_is_wrong_is_said_at_once(file: Path) -> None:
    file.write_text(CATALOG.replace("ttl: 24h", "ttl: x").replace("owner: risk", "ownr: risk"))
    with pytest.raises(InvalidInput) as caught:
        load_catalog(file.parent)
    assert len(caught.value.message.splitlines()) == 9


def test_an_anchor_is_complained_about_where_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "x-common: &common\n  owner: risk\n  tenat: br\nsources:\n"
        "  - {<<: *common, name: a, tenant: br, table: a, columns: []}\n"
    )
    with pytest.raises(InvalidInput, match=r"a.yaml:3: sources\[a\].tenat: unknown key; did you mean 'tenant'"):
        load_catalog(tmp_path)
