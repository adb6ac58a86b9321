"""Gates judge as the endpoints that serve the model will decide, not by the threshold that it came with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Conflict
from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.training.gates.judging import Gatekeeper, judged
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.port import Case, ServedThreshold
from platform_core.training.gates.registry import all_gates
from platform_core.training.gates.thresholds import deciding, served_thresholds, ways
from platform_core.training.gates.verdicts import GateVerdict
from platform_core.urn import urn
from tests.conftest import NIGHT
from tests.fakes.gates import FakeEvidence, by_risk, case, labelled, model
from tests.fakes.promoting import MODEL, Promoting

BR, MX = ServedThreshold("fraud-br", "br", 0.8), ServedThreshold("fraud-mx", "mx", 0.8)


def verdict(gate: str, about: Case) -> GateVerdict:
    return judged(all_gates()[gate], about)


def test_a_threshold_that_no_endpoint_uses_neither_saves_nor_damns_a_version() -> None:
    """Its own would decline everybody, the endpoints' does not; and the other way round."""
    greedy, champion = model(by_risk, threshold=0.05), model(by_risk, version="1")
    assert verdict("performance", case(greedy, champion)).outcome == "failed"
    served = verdict("performance", case(greedy, champion, served=(BR, MX)))
    assert (served.outcome, served.figures["cost_change"]) == ("passed", 0.0)
    assert "declining from 0.8 (fraud-br, fraud-mx) on" in served.said
    assert (served.figures["threshold fraud-br"], served.figures["champion_threshold fraud-mx"]) == (0.8, 0.8)


def test_what_is_unfair_at_the_endpoints_threshold_is_unfair() -> None:
    """Mexico's genuine payments score a little higher: at its own threshold nobody is declined, at theirs they are."""

    def a_little_higher(rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return rows[:, 0] + 0.35 * rows[:, 2]

    strict = model(a_little_higher, threshold=2.0)
    assert verdict("bias", case(strict)).outcome == "passed"
    said = verdict("bias", case(strict, served=(BR, MX)))
    assert (said.outcome, said.figures["worst"]) == ("failed", "country=mx")
    assert "declining from 0.8 (fraud-br, fraud-mx) on" in said.said
    fair = ServedThreshold("fraud-mx", "mx", 1.15)
    assert verdict("bias", case(strict, served=(BR, fair))).outcome == "passed", "each country at its own endpoint"


def test_one_endpoint_that_becomes_dearer_is_named_though_all_together_do_not() -> None:
    """Half the payments of Mexico are ranked as before, but the scores are squeezed under its endpoint's threshold."""

    def squeezed(rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.where(rows[:, 2] == 1, rows[:, 0] * 0.7, rows[:, 0])

    policy = {
        "performance": {"replicates": 100, "cost_margin": 0.45, "auc_margin": 0.2, "average_precision_margin": 0.9}
    }
    about = case(
        model(squeezed), model(by_risk, version="1"), served=(BR, MX), policy=GatePolicy.model_validate(policy)
    )
    said = verdict("performance", about)
    assert said.outcome == "failed"
    assert "worse than version 1 in cost at fraud-mx" in said.said
    assert float(said.figures["cost_change fraud-mx"] or 0) > 0.5
    assert said.figures["cost_change fraud-br"] == 0.0


def test_several_endpoints_of_one_tenant_are_judged_each() -> None:
    rows = labelled()
    trial = ServedThreshold("fraud-mx-trial", "mx", 0.2)
    parts = deciding(rows, (BR, MX, trial))
    assert [[parts[n].name for n in way] for way in ways(parts)] == [
        ["fraud-br", "fraud-mx-trial"],
        ["fraud-br", "fraud-mx"],
    ]
    said = verdict("bias", case(model(by_risk), served=(BR, MX, trial)))
    assert said.outcome == "failed", "the worst counts"
    assert said.figures["threshold fraud-mx-trial"] == 0.2
    alike = ServedThreshold("fraud-mx-2", "mx", 0.8)
    assert [part.name for part in deciding(rows, (BR, MX, alike))] == ["fraud-br", "fraud-mx, fraud-mx-2"]


def test_a_tenant_that_nobody_serves_is_judged_at_the_versions_own() -> None:
    said = verdict("performance", case(model(by_risk, threshold=0.7), model(by_risk, version="1"), served=(BR,)))
    assert (
        "declining from 0.8 (fraud-br) and its own 0.7 where no endpoint serves on (the champion from 0.8)" in said.said
    )
    assert (said.figures["threshold"], said.figures["threshold fraud-br"]) == (0.7, 0.8)
    alone = verdict("bias", case(model(by_risk, threshold=0.7)))
    assert "declining from its own 0.7, since no endpoint serves it on" in alone.said


def test_endpoints_of_this_model_that_run_here_are_asked() -> None:
    def endpoint(name: str, of: str, tenant: str | None = "br", **status: str) -> Resource:
        spec = RolloutSpec(model=of, champion="1", feature_service="fraud_v1", decline_threshold=0.7)
        return Resource(
            urn=urn("endpoint", name), tenant=tenant, environment="production", spec=spec, status=dict(status),
            revision=1, updated_at=NIGHT,
        )  # fmt: skip

    found = [
        endpoint("fraud-br", MODEL),
        endpoint("refunds", "refund_score"),
        endpoint("elsewhere", MODEL, platform="sagemaker"),
        endpoint("nobodys", MODEL, None),
    ]
    assert served_thresholds(found, MODEL) == [ServedThreshold("fraud-br", "br", 0.7)]


@pytest.fixture
def bench(engine: Engine, clock: FixedClock, tmp_path: Path) -> Promoting:
    bench = Promoting(engine, clock, tmp_path / "models")
    bench.registry.adopt(MODEL, bench.register(), "human:ana")
    bench.staged(seed=2)
    bench.under_control()
    return bench


def serve(bench: Promoting, name: str, threshold: float) -> None:
    spec = RolloutSpec(model=MODEL, champion="1", feature_service="fraud_v1", decline_threshold=threshold)
    bench.resources.create(urn("endpoint", name), spec, tenant="br", actor="service:setup")


def test_a_review_is_stale_when_an_endpoint_decides_otherwise(bench: Promoting) -> None:
    review = bench.judge("2", "production")
    serve(bench, "fraud-br", 0.6)
    with pytest.raises(Conflict, match=r"stale: fraud-br, which declines from 0\.6 on, did not serve it then"):
        bench.set("2", review.id)
    judged_at_another = bench.judge("2", "production", thresholds={"fraud-br": 0.5})
    with pytest.raises(Conflict, match=r"stale: fraud-br declines from 0\.6 on, it was judged at 0\.5"):
        bench.set("2", judged_at_another.id)
    bench.set("2", bench.judge("2", "production", thresholds={"fraud-br": 0.6, "gone": 0.9}).id)
    assert bench.champion == "2"


def test_a_review_keeps_by_which_thresholds_it_was_made(bench: Promoting) -> None:
    policy = GatePolicy.model_validate({"gates": {"production": ["documentation"]}})
    keeper = Gatekeeper(
        bench.engine, bench.clock, bench.audit, bench.registry, policy,
        lambda *about: FakeEvidence(served=(BR, MX)), lambda: bench.catalog,
    )  # fmt: skip
    review = keeper.judge(MODEL, "2", "production", actor="human:ana")
    assert review.thresholds == {"fraud-br": 0.8, "fraud-mx": 0.8}
    bench.use(policy)
    assert bench.promotions.standing_review(MODEL, "2", "production") == review
