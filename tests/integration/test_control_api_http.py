"""The control API's HTTP face: headers, tokens and the shape of its errors. The port's meaning is in the contract."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import NotFound, Unauthenticated, Unavailable
from foundation.http_errors import install_error_handlers
from platform_core.operations.control_api import control_router
from platform_core.operations.control_client import ControlClient
from platform_core.operations.resources import JobSpec
from platform_core.operations.sql_resources import SqlResources
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.loopback import serve

JOB = "urn:vigia:job:online-compaction"
PATCH = {"fields": {"desired": "cancelled"}, "actor": "human:alice", "reason": "reads wait behind it"}


@pytest.fixture
def address(engine: Engine, clock: FixedClock) -> Iterator[str]:
    resources = SqlResources(engine, clock, FakeAuditLog(clock))
    resources.create(JOB, JobSpec(subject="urn:vigia:store:online"), actor="service:setup")
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(control_router(resources, "right"))
    with serve(app) as address:
        yield address


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{address}/control/v1", headers={"Authorization": "Bearer right"}) as client:
        yield client


def test_a_wrong_token_is_unauthenticated(address: str):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right"}):
        answer = httpx.get(f"{address}/control/v1/resources/{JOB}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == "unauthenticated"
    with ControlClient(address, "wrong") as client, pytest.raises(Unauthenticated):
        client.get(JOB)


def test_nobody_is_listened_to_before_they_are_known(address: str):
    broken = httpx.patch(f"{address}/control/v1/resources/{JOB}", content=b"{", headers={"If-Match": "1"})
    assert broken.status_code == 401, "not 422: the body is of no interest yet"


def test_a_patch_without_its_revision_is_refused(http: httpx.Client):
    answer = http.patch(f"/resources/{JOB}", json=PATCH, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 428
    assert answer.json()["error"] == {
        "code": "precondition_required",
        "message": "the header If-Match is missing",
        "hint": 'If-Match: "<revision>" of the resource read',
    }


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ({"If-Match": "1"}, PATCH, "Idempotency-Key"),
        ({"If-Match": "W/one", "Idempotency-Key": "k"}, PATCH, "is not a revision"),
        ({"If-Match": "1", "Idempotency-Key": "k"}, {"fields": {}}, "body.actor"),
        ({"If-Match": "1", "Idempotency-Key": "k"}, {**PATCH, "force": True}, "body.force"),
    ],
)
def test_bad_requests_say_what_is_wrong(http: httpx.Client, headers: dict[str, str], body: object, says: str):
    answer = http.patch(f"/resources/{JOB}", json=body, headers=headers)
    assert answer.status_code == 422
    assert says in answer.json()["error"]["message"]


def test_the_revision_travels_as_an_etag(http: httpx.Client):
    etag = http.get(f"/resources/{JOB}").headers["ETag"]
    assert etag == '"1"'
    answer = http.patch(f"/resources/{JOB}", json=PATCH, headers={"If-Match": etag, "Idempotency-Key": "k"})
    assert answer.headers["ETag"] == '"2"'


def test_routing_errors_have_the_same_shape(http: httpx.Client):
    assert http.get("/nothing").json()["error"]["code"] == "not_found"
    assert http.delete(f"/resources/{JOB}").json()["error"]["code"] == "method_not_allowed"


def test_a_wrong_address_is_not_an_answer(address: str):
    """A caller that asks whether its change took place must not take a stranger's 404 for a no."""
    with ControlClient(f"{address}/elsewhere", "right") as client, pytest.raises(NotFound):
        client.find("k")


def test_nobody_there_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with ControlClient(address, "right") as client, pytest.raises(Unavailable, match="did not answer"):
            client.get(JOB)


def test_a_silent_server_is_unavailable_in_time():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            ControlClient(address, "right", timeout=0.2) as client,
            pytest.raises(Unavailable, match="ReadTimeout"),
        ):
            client.get(JOB)
