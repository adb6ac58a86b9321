from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.serving.endpoints import EndpointDirectory, ServedEndpoint
from platform_core.training.scoring import LoadedModel
from tests.fakes.inference import ENDPOINT, Inference
from tests.fakes.payments import small_catalog


@pytest.fixture
def world(engine: Engine, clock: FixedClock, tmp_path: Path) -> Inference:
    return Inference(engine, clock, tmp_path / "models")


@pytest.fixture
def endpoints(world: Inference) -> EndpointDirectory:
    return EndpointDirectory(world.resources, world.registry, small_catalog())


def fraud(endpoints: EndpointDirectory) -> ServedEndpoint:
    served = endpoints.find("fraud-br")
    assert served is not None
    return served


def test_it_converges_and_reports(world: Inference, endpoints: EndpointDirectory):
    assert endpoints.problems
    endpoints.refresh()
    assert not endpoints.problems
    served = fraud(endpoints)
    assert (served.tenant, served.shape.entities, sorted(served.shape.inputs)) == (
        "br",
        ("card", "device"),
        ["amount", "hour", "is_online"],
    )
    world.patch(canary="2", canary_percent=20, replicas=3)
    endpoints.refresh()
    assert world.resources.get(ENDPOINT).status == {"replicas_ready": 3, "serving": {"champion": "1", "canary": "2"}}
    assert fraud(endpoints).champion is served.champion


def test_a_version_that_cannot_be_loaded_does_not_replace_one_that_serves(
    world: Inference, endpoints: EndpointDirectory
):
    endpoints.refresh()
    world.patch(champion="9")
    endpoints.refresh()
    assert fraud(endpoints).champion.version.version == "1"
    assert "there is no version '9'" in endpoints.problems["fraud-br"]
    status = world.resources.get(ENDPOINT).status
    assert status["serving"] == {"champion": "1", "canary": None}
    assert "there is no version '9'" in status["error"]
    world.patch(champion="2")
    endpoints.refresh()
    assert world.resources.get(ENDPOINT).status == {"replicas_ready": 2, "serving": {"champion": "2", "canary": None}}


def test_an_altered_model_is_not_served(world: Inference, endpoints: EndpointDirectory):
    path = world.directory / "fraud_score" / "1" / "model.txt"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"\n")
    endpoints.refresh()
    assert "was altered" in endpoints.problems["fraud-br"]
    assert endpoints.find("fraud-br") is None


def test_an_endpoint_that_does_not_fit_is_a_problem_of_its_own(world: Inference, endpoints: EndpointDirectory):
    other = RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v2")
    world.resources.create("urn:vigia:endpoint:fraud-ar", other, tenant="ar", actor="service:setup")
    homeless = RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1")
    world.resources.create("urn:vigia:endpoint:fraud-all", homeless, actor="service:setup")
    endpoints.refresh()
    assert "was trained on 'fraud_v1'" in endpoints.problems["fraud-ar"]
    assert "not an endpoint of a tenant" in endpoints.problems["fraud-all"]
    assert fraud(endpoints)


def test_halting_takes_effect_on_a_worker_that_cannot_load_the_candidate(
    world: Inference, endpoints: EndpointDirectory
):
    world.patch(canary="9", canary_percent=20)
    endpoints.refresh()
    assert "there is no version '9'" in endpoints.problems["fraud-br"]
    world.patch(halted="9", canary_percent=0)
    endpoints.refresh()
    assert not endpoints.problems
    served = fraud(endpoints)
    assert (served.champion.version.version, served.canary) == ("1", None)


def test_what_scores_beside_and_the_way_back_are_kept_loaded(world: Inference, endpoints: EndpointDirectory):
    world.patch(canary="2", canary_percent=50, strategy="champion_challenger", shadows=["9"], previous_champion="2")
    endpoints.refresh()
    assert not endpoints.problems, "a shadow that cannot be loaded keeps nobody from being served"
    served = fraud(endpoints)
    assert [model.version.version for model in served.shadows] == ["1", "2"]
    assert served.standby is served.canary


class Unwritable:
    """The control plane while it takes no status."""

    def __init__(self, world: Inference, error: Exception) -> None:
        self._world = world
        self._error = error

    def list(self, **asked: str | None) -> list[Resource]:
        return self._world.resources.list(**asked)

    def report_status(self, urn: str, status: dict[str, Any]) -> None:
        raise self._error


@pytest.mark.parametrize("error", [Unavailable("the database is read-only"), OSError("a bug")])
def test_a_status_that_cannot_be_written_keeps_no_worker_from_a_halt(world: Inference, error: Exception):
    first = RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1")
    world.resources.create("urn:vigia:endpoint:a-first", first, tenant="br", actor="service:setup")
    world.patch(canary="2", canary_percent=50)
    endpoints = EndpointDirectory(Unwritable(world, error), world.registry, small_catalog())
    endpoints.refresh()
    assert fraud(endpoints).spec.live_percent == 50
    world.patch(canary_percent=0, halted="2")
    endpoints.refresh()
    assert fraud(endpoints).spec.live_percent == 0
    assert "control plane" in endpoints.problems


def test_an_endpoint_that_fails_as_nobody_thought_does_not_end_the_round(
    world: Inference, endpoints: EndpointDirectory, monkeypatch: pytest.MonkeyPatch
):
    world.patch(canary="2", canary_percent=50)
    endpoints.refresh()
    other = RolloutSpec(model="fraud_score", champion="9", feature_service="fraud_v1")
    world.resources.create("urn:vigia:endpoint:a-first", other, tenant="br", actor="service:setup")
    load = world.registry.load

    def broken(model: str, version: str, **more: Any) -> LoadedModel:
        if version == "9":
            raise MemoryError("no bytes left")
        return load(model, version, **more)

    monkeypatch.setattr(world.registry, "load", broken)
    world.patch(canary_percent=0, halted="2")
    endpoints.refresh()
    assert fraud(endpoints).spec.live_percent == 0
    assert "unexpectedly" in endpoints.problems["a-first"]
