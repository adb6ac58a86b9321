"""One suite over every platform whose endpoints are attached: in memory, and SageMaker on moto's server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from audit.log import SqlAuditLog
from foundation.clock import FixedClock
from foundation.errors import Forbidden, InvalidInput, NotFound, Unavailable
from platform_core.attached.endpoints import AttachedEndpoints, EndpointPlatform, Variant, spec_of, targets
from platform_core.attached.sagemaker.endpoints import SageMakerEndpoints
from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from tests.fakes.attached_platforms import ENDPOINT, MemoryEndpoints, moto_address, sagemaker_client


@pytest.fixture(params=["memory", "sagemaker"])
def platform(request: pytest.FixtureRequest) -> Iterator[EndpointPlatform]:
    if request.param == "memory":
        yield MemoryEndpoints()
        return
    with sagemaker_client() as client:
        yield SageMakerEndpoints(client)


@pytest.fixture
def resources(engine: Engine, clock: FixedClock) -> SqlResources:
    return SqlResources(engine, clock, SqlAuditLog(engine, clock))


@pytest.fixture
def attached(platform: EndpointPlatform, resources: SqlResources) -> AttachedEndpoints:
    return AttachedEndpoints(platform, resources, environment="production")


def shares(platform: EndpointPlatform) -> dict[str, float]:
    """Percent by variant."""
    (endpoint,) = platform.endpoints()
    total = sum(v.weight for v in endpoint.variants)
    return {v.name: round(100 * v.weight / total, 1) for v in endpoint.variants}


def instances(platform: EndpointPlatform) -> int | None:
    """Of v1. Of a variant whose count is not said SageMaker keeps it; moto forgets it."""
    (endpoint,) = platform.endpoints()
    return next(v.instances for v in endpoint.variants if v.name == "v1")


def patch(resources: SqlResources, resource: Resource, **fields: Any) -> None:
    resources.patch(
        resource.urn,
        fields,
        expected_revision=resource.revision,
        idempotency_key=f"k{resource.revision}",
        actor="human:ana",
        reason="to try it",
    )


def test_only_what_is_tagged_for_us_is_seen(platform: EndpointPlatform) -> None:
    (endpoint,) = platform.endpoints()
    assert (endpoint.name, endpoint.state) == (ENDPOINT, "ready")
    assert endpoint.tags["vigia:tenant"] == "br"
    assert shares(platform) == {"v1": 90.0, "v2": 10.0}


def test_weights_and_instances_are_set(platform: EndpointPlatform) -> None:
    platform.set_variants(ENDPOINT, (Variant(name="v1", weight=50, instances=4), Variant(name="v2", weight=50)))
    assert shares(platform) == {"v1": 50.0, "v2": 50.0}
    assert instances(platform) == 4


def test_what_is_not_there_is_said(platform: EndpointPlatform) -> None:
    with pytest.raises(NotFound):
        platform.set_variants("nowhere", (Variant(name="v1", weight=1),))
    with pytest.raises(InvalidInput):
        platform.set_variants(ENDPOINT, (Variant(name="v9", weight=1),))
    assert shares(platform) == {"v1": 90.0, "v2": 10.0}


def test_it_becomes_a_resource(platform: EndpointPlatform, attached: AttachedEndpoints) -> None:
    (resource,) = attached.converge()
    assert resource.urn == f"urn:vigia:endpoint:{platform.name}.fraud-br"
    assert (resource.tenant, resource.environment) == ("br", "production")
    spec = resource.spec
    assert isinstance(spec, RolloutSpec)
    assert (spec.model, spec.champion, spec.canary, spec.canary_percent, spec.replicas) == ("fraud", "v1", "v2", 10, 2)
    assert resource.status["platform"] == platform.name
    assert attached.converge() == [resource], "nothing moves when nothing changed"


def test_a_patched_spec_is_set_there_once(
    platform: EndpointPlatform, attached: AttachedEndpoints, resources: SqlResources, clock: FixedClock
) -> None:
    (resource,) = attached.converge()
    patch(resources, resource, canary_percent=40, replicas=3)
    (resource,) = attached.converge()
    assert (shares(platform), instances(platform)) == ({"v1": 60.0, "v2": 40.0}, 3)
    patch(resources, resource, canary=None, canary_percent=0)
    (rolled_back,) = attached.converge()
    assert shares(platform) == {"v1": 100.0, "v2": 0.0}
    assert rolled_back.status["applied_revision"] == rolled_back.revision == 3
    assert [e.kind for e in SqlOperations(resources._engine).changes(clock.now(), clock.now())] == ["rollout"] * 2


def test_a_change_made_there_is_told_and_not_fought(platform: EndpointPlatform, attached: AttachedEndpoints) -> None:
    attached.converge()
    platform.set_variants(ENDPOINT, (Variant(name="v1", weight=1), Variant(name="v2", weight=1)))
    (resource,) = attached.converge()
    assert resource.status["differs"] == ["v1: 50 % of the traffic there", "v2: 50 % of the traffic there"]
    assert shares(platform)["v1"] == 50.0


@pytest.mark.parametrize("fields", [{"champion": "v9"}, {"strategy": "shadow", "canary_percent": 0}])
def test_what_the_platform_cannot_do_is_in_the_status(
    platform: EndpointPlatform, attached: AttachedEndpoints, resources: SqlResources, fields: dict[str, Any]
) -> None:
    (resource,) = attached.converge()
    patch(resources, resource, **fields)
    (after,) = attached.converge()
    assert "error" in after.status
    assert after.status["applied_revision"] == 1
    assert shares(platform)["v1"] == 90.0


def test_an_endpoint_of_another_environment_is_left_alone(platform: EndpointPlatform, resources: SqlResources) -> None:
    assert AttachedEndpoints(platform, resources, environment="staging").converge() == []


def test_one_that_is_gone_says_so(resources: SqlResources) -> None:
    platform = MemoryEndpoints()
    attached = AttachedEndpoints(platform, resources, environment="production")
    attached.converge()
    platform.remove(ENDPOINT)
    (resource,) = attached.converge()
    assert resource.status == {"platform": "memory", "state": "gone"}


def test_nothing_to_set_where_the_endpoint_does_it_already() -> None:
    (endpoint,) = MemoryEndpoints().endpoints()
    assert targets(spec_of(endpoint), endpoint) == ()


def test_sagemaker_away_or_refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    moto_address()
    away = SageMakerEndpoints.connect(region="sa-east-1", url="http://127.0.0.1:1", timeout_s=0.2)
    with pytest.raises(Unavailable, match="cannot be reached"):
        away.endpoints()
    from botocore.exceptions import ClientError

    with sagemaker_client() as client:
        denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListTags")

        def refuse(**_: object) -> None:
            raise denied

        monkeypatch.setattr(client, "describe_endpoint", refuse)
        with pytest.raises(Forbidden, match="AccessDenied"):
            SageMakerEndpoints(client).endpoints()
