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
from tests.fakes.attached_platforms import ENDPOINT, MemoryEndpoints, SlowSageMaker, moto_address, sagemaker_client


@pytest.fixture(params=["memory", "sagemaker"])
def world(request: pytest.FixtureRequest) -> Iterator[tuple[EndpointPlatform, Any]]:
    """A platform, and what makes it take its time."""
    if request.param == "memory":
        memory = MemoryEndpoints()
        yield memory, memory
        return
    with sagemaker_client() as client:
        slow = SlowSageMaker(client)
        yield SageMakerEndpoints(slow), slow


@pytest.fixture
def platform(world: tuple[EndpointPlatform, Any]) -> EndpointPlatform:
    return world[0]


@pytest.fixture
def pace(world: tuple[EndpointPlatform, Any]) -> Any:
    return world[1]


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


def revisions(resource: Resource) -> tuple[int, int | None]:
    """Asked for, in force."""
    return resource.status["asked_revision"], resource.status["applied_revision"]


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
        platform.endpoint("nowhere")
    assert platform.endpoint(ENDPOINT) == platform.endpoints()[0]
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
    assert resource.status["applied_revision"] is None, "what is in force there is nobody's revision"
    assert attached.converge() == [resource]
    platform.set_variants(ENDPOINT, (Variant(name="v1", weight=90), Variant(name="v2", weight=10)))
    (resource,) = attached.converge()
    assert (resource.status["applied_revision"], "differs" in resource.status) == (1, False)


def test_a_revision_is_applied_when_the_platform_says_so(
    platform: EndpointPlatform, pace: Any, attached: AttachedEndpoints, resources: SqlResources
) -> None:
    (resource,) = attached.converge()
    assert revisions(resource) == (1, 1)
    pace.take_time()
    patch(resources, resource, canary_percent=40)
    for _ in range(2):
        (resource,) = attached.converge()
        assert (revisions(resource), resource.status["state"]) == ((2, 1), "updating")
        assert "differs" not in resource.status
        assert shares(platform) == {"v1": 90.0, "v2": 10.0}, "what serves is what served"
    patch(resources, resource, canary_percent=50)
    (resource,) = attached.converge()
    assert revisions(resource) == (2, 1)
    assert "error" in resource.status, "not while it is being updated"
    pace.finish()
    (resource,) = attached.converge()
    assert (revisions(resource), shares(platform)) == ((3, 3), {"v1": 50.0, "v2": 50.0})


def test_an_update_that_the_platform_took_back_was_never_applied(
    pace: Any, attached: AttachedEndpoints, resources: SqlResources
) -> None:
    (resource,) = attached.converge()
    pace.take_time()
    patch(resources, resource, canary_percent=40)
    attached.converge()
    pace.fail("no capacity")
    for _ in range(2):
        (resource,) = attached.converge()
        assert revisions(resource) == (2, 1)
        assert resource.status["error"] == "no capacity"
        assert resource.status["differs"] == ["v1: 90 % of the traffic there", "v2: 10 % of the traffic there"]


def test_one_that_is_not_ready_yet_is_attached_once_it_is(pace: Any, attached: AttachedEndpoints) -> None:
    pace.take_time()
    attached._platform.set_variants(ENDPOINT, (Variant(name="v1", weight=1), Variant(name="v2", weight=1)))
    assert attached.converge() == []
    pace.finish()
    (resource,) = attached.converge()
    assert isinstance(resource.spec, RolloutSpec)
    assert (resource.spec.canary_percent, revisions(resource)) == (50, (1, 1))


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
    staging = AttachedEndpoints(platform, resources, environment="staging")
    assert staging.converge() == []
    (resource,) = AttachedEndpoints(platform, resources, environment="production").converge()
    assert staging.converge() == []
    assert resources.get(resource.urn) == resource, "not gone: it is production's"


def test_one_that_is_gone_says_so(resources: SqlResources) -> None:
    platform = MemoryEndpoints()
    attached = AttachedEndpoints(platform, resources, environment="production")
    attached.converge()
    platform.remove(ENDPOINT)
    (resource,) = attached.converge()
    assert resource.status == {"platform": "memory", "state": "gone", "asked_revision": 1}


def test_one_that_was_gone_and_is_back_is_not_set_again_by_what_was_approved_for_the_old_one(
    resources: SqlResources,
) -> None:
    platform = MemoryEndpoints()
    attached = AttachedEndpoints(platform, resources, environment="production")
    (resource,) = attached.converge()
    patch(resources, resource, canary_percent=40)
    attached.converge()
    assert shares(platform) == {"v1": 60.0, "v2": 40.0}
    platform.remove(ENDPOINT)
    attached.converge()
    platform._endpoints |= MemoryEndpoints()._endpoints
    (resource,) = attached.converge()
    assert shares(platform) == {"v1": 90.0, "v2": 10.0}
    assert (revisions(resource), len(resource.status["differs"])) == ((2, None), 2)


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
