"""Last-known-good features are those of this tenant's endpoint as it reads now, and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from platform_core.serving.answers import Timing
from platform_core.serving.endpoints import EndpointDirectory, ServedEndpoint
from platform_core.serving.metrics import ServingMetrics
from platform_core.serving.questions import Question, Row
from platform_core.serving.recording import Recorder
from platform_core.serving.scorer import Scorer
from tests.fakes.inference import Inference
from tests.fakes.payments import small_catalog

ASKED = Question("r", (Row("r", ("card-1", "dev-1"), (20.0, 3.0, 1.0)),), batch=False, attributions=False)


@pytest.fixture
def served(engine: Engine, clock: FixedClock, tmp_path: Path) -> ServedEndpoint:
    world = Inference(engine, clock, tmp_path / "models")
    world.patch(serving={"fallback": ["last_known_good"]})
    endpoints = EndpointDirectory(world.resources, world.registry, small_catalog())
    endpoints.refresh()
    (found,) = endpoints
    return found


@pytest.fixture
def scorer(served: ServedEndpoint, clock: FixedClock) -> Scorer:
    """Which has scored for `served`."""
    source: Any = None
    scorer = Scorer(source, Recorder(clock, ServingMetrics(), lambda row: None))
    from tests.fakes.inference import FakeRetriever

    found = FakeRetriever().reader("fraud_v1", "br").read([ASKED.rows[0].keys])
    scorer.score(served, ASKED, found, Timing())
    assert recalled(scorer, served)
    return scorer


def recalled(scorer: Scorer, served: ServedEndpoint) -> bool:
    try:
        answers = scorer.fall_back(served, ASKED, Unavailable("late"), Timing())
    except Unavailable:
        return False
    return answers[0].features.fallback == "last_known_good"


def test_another_tenant_is_not_answered_from_it(served: ServedEndpoint, scorer: Scorer) -> None:
    assert not recalled(scorer, replace(served, tenant="mx"))
    assert not recalled(scorer, served), "and what was of the endpoint before is gone"


def test_another_service_reads_other_columns(served: ServedEndpoint, scorer: Scorer) -> None:
    other = served.spec.model_copy(update={"feature_service": "fraud_v2"})
    assert not recalled(scorer, replace(served, spec=other))


def test_the_same_service_with_its_features_in_another_order(served: ServedEndpoint, scorer: Scorer) -> None:
    import copy

    shape = copy.copy(served.shape)
    shape.features = tuple(reversed(shape.features))
    assert not recalled(scorer, replace(served, shape=shape))


def test_an_endpoint_that_goes_is_forgotten(served: ServedEndpoint, scorer: Scorer) -> None:
    scorer.forget(["fraud-br"])
    assert recalled(scorer, served)
    scorer.forget(["fraud-mx"])
    assert not recalled(scorer, served)
