"""Other platforms: one in memory, SageMaker on moto's server, Databricks as its reference describes it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from foundation.errors import Conflict, InvalidInput, NotFound
from platform_core.attached.endpoints import AttachedEndpoint, EndpointPlatform, Variant
from tests.fakes.scripted_http import Answer, Asked

TAGS = {"vigia:tenant": "br", "vigia:feature_service": "fraud_v1", "vigia:model": "fraud"}
ENDPOINT = "Fraud-BR"


class MemoryEndpoints(EndpointPlatform):
    name = "memory"

    def __init__(self) -> None:
        self._slow = False
        self._coming: dict[str, AttachedEndpoint] = {}
        variants = (Variant(name="v1", weight=9.0, instances=2), Variant(name="v2", weight=1.0, instances=1))
        self._endpoints = {
            ENDPOINT: AttachedEndpoint(
                name=ENDPOINT, variants=variants, state="ready", tags=TAGS, changed_at=datetime.now(UTC)
            )
        }

    def endpoints(self) -> list[AttachedEndpoint]:
        return [each for _, each in sorted(self._endpoints.items())]

    def endpoint(self, name: str) -> AttachedEndpoint:
        if name not in self._endpoints:
            raise NotFound(f"no endpoint {name!r}")
        return self._endpoints[name]

    def take_time(self) -> None:
        """What is set from now on comes into force at `finish`, or not at all at `fail`."""
        self._slow = True

    def finish(self) -> None:
        self._endpoints |= self._coming
        self._slow, self._coming = False, {}

    def fail(self, problem: str) -> None:
        for name, each in self._endpoints.items():
            self._endpoints[name] = each.model_copy(update={"state": "ready", "problem": problem})
        self._slow, self._coming = False, {}

    def set_variants(self, endpoint: str, variants: tuple[Variant, ...]) -> None:
        if endpoint not in self._endpoints:
            raise NotFound(f"no endpoint {endpoint!r}")
        found = self._endpoints[endpoint]
        said = {v.name: v for v in variants}
        if said.keys() - {v.name for v in found.variants}:
            raise InvalidInput("no such variant")
        after = tuple(
            v
            if v.name not in said
            else v.model_copy(
                update={"weight": said[v.name].weight, "instances": said[v.name].instances or v.instances}
            )
            for v in found.variants
        )
        if found.state == "updating":
            raise Conflict("it is being updated")
        done = found.model_copy(update={"variants": after})
        if self._slow:
            self._coming[endpoint] = done
            done = found.model_copy(update={"state": "updating"})
        self._endpoints[endpoint] = done

    def remove(self, endpoint: str) -> None:
        del self._endpoints[endpoint]


@lru_cache(maxsize=1)
def moto_address() -> str:
    """moto's server, in this process, once for all tests."""
    from moto.server import ThreadedMotoServer

    os.environ.update({"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False).start()
    return f"http://127.0.0.1:{port}"


@contextmanager
def sagemaker_client() -> Iterator[Any]:
    """A client of moto's SageMaker with two endpoints, of which one is tagged for us."""
    import boto3

    client = boto3.client("sagemaker", region_name="sa-east-1", endpoint_url=moto_address())
    role = "arn:aws:iam::123456789012:role/x"
    client.create_model(ModelName="fraud", ExecutionRoleArn=role, PrimaryContainer={"Image": "x"})
    variants = [
        {
            "VariantName": name,
            "ModelName": "fraud",
            "InitialInstanceCount": count,
            "InitialVariantWeight": weight,
            "InstanceType": "ml.m5.large",
        }
        for name, weight, count in (("v1", 9.0, 2), ("v2", 1.0, 1))
    ]
    client.create_endpoint_config(EndpointConfigName="config", ProductionVariants=variants)
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    client.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="config", Tags=tags)
    client.create_endpoint(EndpointName="not-ours", EndpointConfigName="config")
    try:
        yield client
    finally:
        for name in (ENDPOINT, "not-ours"):
            client.delete_endpoint(EndpointName=name)
        client.delete_endpoint_config(EndpointConfigName="config")
        client.delete_model(ModelName="fraud")
        client.close()


class SlowSageMaker:
    """moto's SageMaker, which updates at once, as one that takes its time: until `finish` it is Updating and tells the
    current weights and counts of before; at `fail` it goes back to them, as SageMaker does."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._slow = False
        self._problem: str | None = None
        self._before: dict[str, dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def take_time(self) -> None:
        self._slow = True

    def finish(self) -> None:
        self._slow, self._before = False, {}

    def fail(self, problem: str) -> None:
        for variants in self._before.values():
            back = [{"VariantName": n, "DesiredWeight": v["CurrentWeight"]} for n, v in variants.items()]
            counts = {n: v["CurrentInstanceCount"] for n, v in variants.items()}
            wanted = [each | {"DesiredInstanceCount": counts[each["VariantName"]]} for each in back]
            self._client.update_endpoint_weights_and_capacities(
                EndpointName=ENDPOINT, DesiredWeightsAndCapacities=wanted
            )
        self._problem = problem
        self.finish()

    def update_endpoint_weights_and_capacities(self, **asked: Any) -> Any:
        if self._slow:
            found = self._client.describe_endpoint(EndpointName=asked["EndpointName"])
            self._before[asked["EndpointName"]] = {v["VariantName"]: v for v in found["ProductionVariants"]}
        return self._client.update_endpoint_weights_and_capacities(**asked)

    def describe_endpoint(self, **asked: Any) -> Any:
        found = self._client.describe_endpoint(**asked)
        before = self._before.get(asked["EndpointName"])
        if before is not None:
            found["EndpointStatus"] = "Updating"
            for variant in found["ProductionVariants"]:
                was = before[variant["VariantName"]]
                variant |= {name: was.get(name) for name in ("CurrentWeight", "CurrentInstanceCount")}
        if self._problem is not None:
            found["FailureReason"] = self._problem
        return found


class ScriptedDatabricks:
    """The Jobs API as https://docs.databricks.com/api/workspace/jobs describes it, with three jobs; pages of two."""

    def __init__(self, token: str, *, version: str | None = None) -> None:
        """`version`: the only one of the API that it knows; of 2.1 the answers have `state` for `status`."""
        self.token, self.version = token, version or "2.2"
        self._only = None if version is None else f"/api/{version}/"
        self.now = 1_760_000_000_000
        self.jobs = {11: "nightly features", 12: "backfill", 13: "backfill"}
        self.started: dict[int, dict[str, Any]] = {}
        self.tokens: dict[str, int] = {}
        self.down = False

    def finish(self, run: str, code: str, message: str = "") -> None:
        status = {"state": "TERMINATED", "termination_details": {"code": code, "message": message}}
        self.started[int(run)] |= {"status": status, "end_time": self.now + 60_000}

    def __call__(self, asked: Asked) -> Answer:  # noqa: PLR0911 - one per route
        path, _, query = asked.path.partition("?")
        given = dict(pair.split("=") for pair in query.split("&")) if query else {}
        if self.down:
            return 503, b"<html>"
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return 403, {"error_code": "PERMISSION_DENIED", "message": "Invalid access token."}
        if self._only is not None and not path.startswith(self._only):
            return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for '{path}'"}
        if path.endswith("/jobs/list"):
            rows = [{"job_id": number, "settings": {"name": name}} for number, name in self.jobs.items()]
            return self._page(rows, given, "jobs")
        if path.endswith("/jobs/runs/list"):
            rows = [
                run
                for run in sorted(self.started.values(), key=lambda run: -run["start_time"])
                if run["start_time"] >= int(given["start_time_from"])
                and int(given.get("job_id", run["job_id"])) == run["job_id"]
            ]
            return self._page([self._told(run) for run in rows], given, "runs")
        if path.endswith("/jobs/run-now"):
            return 200, {"run_id": self._start(asked.json())}
        if path.endswith("/jobs/runs/cancel"):
            run = self.started.get(asked.json()["run_id"])
            if run is None:
                return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run 9 does not exist."}
            if run["status"]["state"] != "TERMINATED":
                self.finish(str(run["run_id"]), "USER_CANCELED")
            return 200, {}
        return 404, {}

    def _told(self, run: dict[str, Any]) -> dict[str, Any]:
        """A run as this version of the API has it."""
        if self._only is None or self.version != "2.1":
            return run
        status = run["status"]
        ended = status.get("termination_details", {})
        results = {"SUCCESS": "SUCCESS", "USER_CANCELED": "CANCELED"}
        result = {"result_state": results.get(ended["code"], "FAILED")} if ended else {}
        state = {"life_cycle_state": status["state"], "state_message": ended.get("message", ""), **result}
        return {**{name: value for name, value in run.items() if name != "status"}, "state": state}

    def _start(self, body: dict[str, Any]) -> int:
        if body["idempotency_token"] in self.tokens:
            return self.tokens[body["idempotency_token"]]
        number = 900 + len(self.started)
        start = self.now + len(self.started)
        status = {"state": "RUNNING"}
        self.started[number] = {"run_id": number, "job_id": body["job_id"], "start_time": start, "status": status}
        self.tokens[body["idempotency_token"]] = number
        return number

    def _page(self, rows: list[dict[str, Any]], given: dict[str, str], field: str) -> Answer:
        at = int(given.get("page_token", "0"))
        more = {"next_page_token": str(at + 2)} if at + 2 < len(rows) else {}
        return 200, {field: rows[at : at + 2], **more}
