"""Training and the prediction log over the real offline store, with features materialized at the payments' times."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from platform_core.features.feature_rows import offline_table
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.serving.prediction_log import SCHEMA, DeltaPredictionLog, PredictionRow, PredictionWriter
from platform_core.training.pipeline import train_fraud_model
from tests.conftest import NIGHT
from tests.fakes.payments import END, SERVICE, START, small_catalog, small_history

ROWS = 8_000


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> DeltaOfflineStore:
    """Payments, labels, and a feature row at each payment that only tells what the payment itself was."""
    store = DeltaOfflineStore(tmp_path_factory.mktemp("offline"))
    history = small_history(ROWS)
    for table in history.tables():
        store.append(table, history.read(table))
    for view, key in (("card_velocity", "card_id"), ("device_risk", "device_id")):
        for tenant in ("br", "ar"):
            payments = history.read(f"payments_{tenant}")
            labels = history.read(f"chargebacks_{tenant}")
            store.append(
                offline_table(view),
                pa.table(
                    {
                        "tenant": [tenant] * ROWS,
                        "key": payments[key],
                        "event_ts": payments["event_ts"],
                        "created_ts": payments["event_ts"],
                        # A leak, were it visible to the payment at whose very time it is recorded.
                        "tx_count_1h": np.asarray(labels["is_fraud"]).astype(np.float64)
                        if view == "card_velocity"
                        else np.ones(ROWS),
                    }
                ),
            )
    return store


def test_a_payment_does_not_see_its_own_features(offline: DeltaOfflineStore):
    started = time.perf_counter()
    model = train_fraud_model(offline, small_catalog(), SERVICE, start=START, end=END, seed=1, trees=20)
    assert time.perf_counter() - started < 20
    leaked = model.signature.baseline["card_velocity__tx_count_1h"]
    assert leaked.null_rate > 0  # the first payment of each card has no past
    gain = dict(line.split("=") for line in _importances(model.model_text))
    assert int(gain.get("card_velocity__tx_count_1h", 0)) < int(gain["amount"])
    again = train_fraud_model(offline, small_catalog(), SERVICE, start=START, end=END, seed=1, trees=20)
    assert again == model


def _importances(model_text: str) -> list[str]:
    return model_text.split("feature_importances:\n")[1].split("\n\n", maxsplit=1)[0].splitlines()


def test_the_prediction_log_on_delta(tmp_path: Path):
    store = DeltaOfflineStore(tmp_path / "offline")
    log, writer = DeltaPredictionLog(store), PredictionWriter(store)
    assert log.read(NIGHT, NIGHT + timedelta(hours=1)).num_rows == 0
    rows = [
        PredictionRow(
            NIGHT + timedelta(seconds=i), f"fraud-{cc}", cc, "1", "champion", 0.5, True, None, 2.0, 1.0, 0.1, 2
        )
        for i, cc in enumerate(("br", "ar", "br"))
    ]
    for row in rows:
        writer.write(row)
        assert writer.flush()
    read = log.read(NIGHT, NIGHT + timedelta(hours=1), endpoint="fraud-br")
    assert read.schema == SCHEMA
    assert sorted(read.to_pylist(), key=lambda r: r["ts"]) == [
        {name: getattr(row, name) for name in SCHEMA.names} for row in (rows[0], rows[2])
    ]
    assert log.read(NIGHT + timedelta(seconds=1), NIGHT + timedelta(seconds=2))["tenant"].to_pylist() == ["ar"]
