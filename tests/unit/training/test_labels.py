"""Labels that were corrected, are missing, or are none; and numbers that are none."""

from __future__ import annotations

import dataclasses
import logging
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from foundation.errors import InvalidInput
from platform_core.training.dataset import load_training_set
from platform_core.training.gates.decay import findings
from platform_core.training.gates.payments import labelled_payments
from platform_core.training.labels import read_labels
from platform_core.training.plan import Label
from tests.fakes.gates import by_noise, case, labelled, model
from tests.fakes.offline_store import FakeOfflineStore
from tests.fakes.payments import END, SERVICE, START, features_of_the_row, small_catalog, small_history

MOMENTS = [START + timedelta(hours=hours) for hours in range(4)]


def store(*labels: tuple[str, datetime, float | None]) -> FakeOfflineStore:
    ids, times, values = ([row[i] for row in labels] for i in range(3))
    stamps = pa.array(times, pa.timestamp("us", tz="UTC"))
    table = pa.table({"event_id": ids, "event_ts": stamps, "is_fraud": pa.array(values, pa.float64())})
    return FakeOfflineStore({"chargebacks_br": table})


def read(offline: FakeOfflineStore) -> dict[str, float]:
    found = read_labels(offline, "br", START, Label())
    return dict(zip(found["event_id"].to_list(), found["is_fraud"].to_list(), strict=True))


@pytest.mark.parametrize("turn", [1, -1])
def test_the_newest_label_counts_in_whatever_order_they_came(turn: int) -> None:
    labels = [("a", MOMENTS[2], 0.0), ("a", MOMENTS[0], 1.0), ("b", MOMENTS[1], 1.0), ("a", MOMENTS[1], 1.0)]
    assert read(store(*labels[::turn])) == {"a": 0.0, "b": 1.0}


def test_a_corrected_label_counts_in_training_and_before_the_gates() -> None:
    offline, catalog = small_history(1500, ("br",)), small_catalog(("br",))
    labels = offline.read("chargebacks_br")
    frauds = labels.filter(pa.array([value == 1 for value in labels["is_fraud"].to_pylist()]))
    later = pa.array([END] * len(frauds), pa.timestamp("us", tz="UTC"))
    cleared = frauds.set_column(1, "event_ts", later).set_column(2, "is_fraud", pa.array([0] * len(frauds)))
    offline.append("chargebacks_br", cleared.slice(1))
    held_out = labelled_payments(offline, catalog, START, END, Label())
    assert held_out["is_fraud"].sum() == 1
    trained = load_training_set(
        offline, catalog, SERVICE, start=START, end=END, max_rows=5000, seed=1, historical=features_of_the_row
    )
    assert (len(trained), trained.label.sum()) == (1500, 1)


def test_null_labels_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    nothing = float("nan")
    with caplog.at_level(logging.WARNING):
        found = read(store(("a", MOMENTS[0], 1.0), ("a", MOMENTS[1], None), ("b", MOMENTS[0], nothing)))
    assert found == {"a": 1.0}
    assert "2 of 3 labels of chargebacks_br are null" in caplog.text


def test_what_is_neither_fraud_nor_genuine_is_no_label() -> None:
    with pytest.raises(InvalidInput, match="1 labels of 'chargebacks_br' are no labels: 2 for 'b'"):
        read(store(("a", MOMENTS[0], 1.0), ("b", MOMENTS[0], 2.0)))


def test_decay_of_what_is_no_number_is_not_judged() -> None:
    rows = labelled()
    label = rows.label.copy()
    label[0] = float("nan")
    verdicts = findings(case(model(by_noise), rows=dataclasses.replace(rows, label=label))).verdicts
    assert [v.outcome for v in verdicts if v.gate == "decay"] == ["could_not_be_judged"]
