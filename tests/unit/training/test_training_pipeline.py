from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from foundation.errors import InvalidInput
from platform_core.training.dataset import load_training_set
from platform_core.training.pipeline import train_fraud_model
from platform_core.training.request_inputs import request_columns, request_inputs
from tests.fakes.offline_store import FakeOfflineStore
from tests.fakes.payments import END, SERVICE, START, features_of_the_row, small_catalog, small_history


def _train(store: FakeOfflineStore, seed: int = 3, **arguments: int):
    return train_fraud_model(
        store,
        small_catalog(),
        SERVICE,
        historical=features_of_the_row,
        start=START,
        end=END,
        seed=seed,
        trees=30,
        **arguments,
    )


def test_training_twice_gives_the_same_bytes():
    first, second = _train(small_history()), _train(small_history())
    assert first == second
    assert _train(small_history(seed=8)).signature.data_digest != first.signature.data_digest


def test_the_model_learns_and_its_signature_tells_how_it_was_made():
    signature = _train(small_history()).signature
    assert signature.metrics["auc"] > 0.95
    assert 0.02 < signature.metrics["decline_rate"] < 0.08
    assert 0 < signature.decline_threshold < 1
    assert [(f.name, f.origin) for f in signature.features] == [
        ("card_velocity__tx_count_1h", "store"),
        ("device_risk__tx_count_1h", "store"),
        ("amount", "request"),
        ("hour", "request"),
        ("is_online", "request"),
    ]
    assert signature.baseline["is_online"].p99 == 1.0
    assert signature.baseline["amount"].null_rate == 0
    assert signature.rows == 6000
    assert signature.quality is not None
    assert {(s.segment, s.value) for s in signature.quality.segments} == {("country", "ar"), ("country", "br")}


def test_drawing_down_keeps_all_fraud_and_the_fraud_rate():
    store, catalog = small_history(), small_catalog()

    def load(rows: int):
        return load_training_set(
            store, catalog, SERVICE, historical=features_of_the_row, start=START, end=END, max_rows=rows, seed=3
        )

    whole, drawn = load(10_000), load(1_500)
    assert len(whole) == 6000
    assert len(drawn) == 1500
    assert drawn.label.sum() == whole.label.sum()
    rate = (drawn.label * drawn.weight).sum() / drawn.weight.sum()
    assert rate == pytest.approx(whole.label.mean())
    assert (drawn.event_us[1:] >= drawn.event_us[:-1]).all()


def test_an_event_delivered_twice_counts_once():
    store = small_history()
    store.append("payments_br", store.read("payments_br").slice(0, 500))
    assert _train(store).signature.rows == 6000


def test_a_window_without_fraud_says_so():
    store = small_history()
    labels = store.read("chargebacks_br")
    none = labels.set_column(2, "is_fraud", pa.array([0] * len(labels), pa.int64()))
    clean = FakeOfflineStore({name: store.read(name) for name in store.tables()} | {"chargebacks_br": none})
    with pytest.raises(InvalidInput, match="0 fraudulent and 3000 genuine"):
        train_fraud_model(
            clean,
            small_catalog(("br",)),
            SERVICE,
            historical=features_of_the_row,
            start=START,
            end=END,
            seed=1,
            trees=2,
        )


def test_a_feature_that_the_join_did_not_bring_is_named():
    with pytest.raises(InvalidInput, match="lacks card_velocity__tx_count_1h, device_risk__tx_count_1h"):
        train_fraud_model(
            small_history(),
            small_catalog(),
            SERVICE,
            historical=lambda *a: a[3],
            start=START,
            end=END,
            seed=1,
            trees=2,
        )


def test_request_inputs_mean_the_same_at_the_checkout_and_in_training():
    moments = [datetime(2026, 11, 19, 23, 59, tzinfo=UTC) + timedelta(minutes=m) for m in (0, 1, 61)]
    table = pa.table(
        {
            "amount": [12.5, 3.0, 700.0],
            "event_ts": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "channel": ["online", "pos", "online"],
        }
    )
    columns = {name: column.to_pylist() for name, column in request_columns(table).items()}
    for i, row in enumerate(table.to_pylist()):
        assert request_inputs(**row) == {name: values[i] for name, values in columns.items()}
