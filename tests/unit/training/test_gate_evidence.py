"""What the gates are shown: payments newer than any training, with weights and segments, and the promises of others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from foundation.clock import FixedClock
from platform_core.catalog.specs import Catalog
from platform_core.operations.resources import MonitorSpec, Resource, RolloutSpec, Spec
from platform_core.training.gates.evidence import Sources, StoredEvidence
from platform_core.training.gates.payments import drawn, labelled_rows
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.port import Rows, ServedThreshold
from platform_core.training.gates.replaying import Replaying
from platform_core.training.scoring import LoadedModel
from platform_core.urn import urn
from tests.fakes.models import loaded_model
from tests.fakes.observed_ports import FakeResources
from tests.fakes.payments import END, SERVICE, START, features_of_the_row, small_catalog, small_history

UNUSED: Any = None


def model(data_end: timedelta) -> LoadedModel:
    """Trained on the payments up to `data_end` after the beginning."""
    loaded = loaded_model()
    signature = loaded.version.signature.model_copy(
        update={"data_start": START, "data_end": START + data_end, "plan": {}}
    )
    return replace(loaded, version=loaded.version.model_copy(update={"signature": signature}))


def evidence(
    candidate: LoadedModel,
    champion: LoadedModel | None = None,
    *,
    resources: list[Resource] | None = None,
    catalog: Catalog | None = None,
    **limits: Any,
) -> StoredEvidence:
    clock = FixedClock(END)
    offline = small_history(1500)
    replaying = Replaying(offline, UNUSED, small_catalog(), clock, UNUSED)
    sources = Sources(
        offline,
        catalog or small_catalog(),
        FakeResources(resources or [], clock),
        replaying,
        lambda reference, current: 0.0,
        historical=features_of_the_row,
    )
    return StoredEvidence(sources, GatePolicy.model_validate(limits), candidate, champion, "card")


def test_no_payment_that_either_version_was_trained_on_is_held_out() -> None:
    older, newer = model(timedelta(days=3)), model(timedelta(days=5))
    for candidate, champion in ((older, newer), (newer, older)):
        rows = evidence(candidate, champion).held_out()
        assert (rows.start, rows.end) == (START + timedelta(days=5), END)
    alone = evidence(older).held_out()
    assert alone.start == START + timedelta(days=3)
    assert len(alone) > len(rows) > 0
    assert rows.matrix(older).shape == (len(rows), 5)
    assert set(rows.segments["country"]) == {"br", "ar"}
    recent = evidence(older, held_out={"days": 1}).held_out()
    assert recent.start == END - timedelta(days=1)


def test_nothing_newer_is_nothing_and_no_error() -> None:
    assert len(evidence(model(timedelta(days=7))).held_out()) == 0


def test_fraud_is_kept_and_each_genuine_payment_stands_for_several() -> None:
    fraud = np.arange(1000) % 20 == 0
    payments = pl.DataFrame({"is_fraud": fraud.astype(np.int64)})
    some = drawn(payments, 250, 1)
    assert int(some["is_fraud"].sum()) == 50
    assert len(some) == 250
    assert float(some.filter(pl.col("is_fraud") == 0)["weight"].sum()) == pytest.approx(950)
    assert set(some.filter(pl.col("is_fraud") == 1)["weight"]) == {1.0}
    assert len(drawn(payments, 5000, 1)) == 1000


def test_merchants_are_sized_by_the_payments_they_take() -> None:
    merchants = ["big"] * 60 + [f"m{n // 10}" for n in range(60)] + [f"s{n}" for n in range(60)]
    payments = pl.DataFrame(
        {
            "is_fraud": [0] * 180,
            "weight": [1.0] * 180,
            "tenant": ["br"] * 180,
            "merchant_id": merchants,
        }
    )
    rows = labelled_rows(Rows((), np.zeros((180, 0))), payments, START, END)
    size = dict(zip(merchants, rows.segments["merchant_size"], strict=True))
    assert (size["big"], size["m0"], size["s1"]) == ("large", "medium", "small")


def test_training_and_newest_rows_are_of_their_own_times() -> None:
    about = evidence(model(timedelta(days=3)), drift={"newest_days": 1, "max_rows": 200})
    assert len(about.training_rows()) == len(about.newest_rows()) == 200
    assert len(evidence(model(timedelta(days=3))).training_rows()) == pytest.approx(3000 * 3 / 7, rel=0.1)


def test_the_promises_of_endpoints_and_views_are_found() -> None:
    def resource(name: str, spec: Spec) -> Resource:
        return Resource(urn=name, tenant="br", environment="production", spec=spec, revision=1, updated_at=END)

    def endpoint(name: str, of: str) -> Resource:
        return resource(urn("endpoint", name), RolloutSpec(model=of, champion="1", feature_service=SERVICE))

    def sla(name: str, threshold: float) -> Resource:
        return resource(
            urn("monitor", f"latency-{name}"), MonitorSpec(subject=urn("endpoint", name), threshold=threshold)
        )

    found = [
        endpoint("fraud-br", "fraud_score"),
        endpoint("refunds", "refund_score"),
        sla("fraud-br", 60),
        sla("refunds", 5),
    ]
    small = small_catalog()
    velocity, *others = small.feature_views
    fast = velocity.model_copy(update={"latency_sla": timedelta(milliseconds=15)})
    catalog = small.model_copy(update={"feature_views": (fast, *others)})
    declared = evidence(model(timedelta(days=3)), resources=found, catalog=catalog).declared_latency_ms()
    assert declared == {"the SLA of fraud-br": 60, "the SLA of card_velocity": 15}


def test_every_gate_of_a_review_is_told_the_same_thresholds() -> None:
    """Though somebody changes one while they judge: the review says by which one it was judged."""

    def endpoint(threshold: float) -> Resource:
        spec = RolloutSpec(model="fraud_score", champion="1", feature_service=SERVICE, decline_threshold=threshold)
        name = urn("endpoint", "fraud-br")
        return Resource(urn=name, tenant="br", environment="production", spec=spec, revision=1, updated_at=END)

    found = evidence(model(timedelta(days=3)), resources=[endpoint(0.5)])
    first = found.thresholds()
    resources = found._sources.resources
    assert isinstance(resources, FakeResources)
    resources.by_urn[urn("endpoint", "fraud-br")] = endpoint(0.4)
    assert found.thresholds() == first == [ServedThreshold("fraud-br", "br", 0.5)]
