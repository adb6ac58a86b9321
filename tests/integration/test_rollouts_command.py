"""`vigia rollouts …` over a database, a prediction log and a worker: looked at, halted, asked for and executed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from foundation.errors import Conflict, InvalidInput, NotFound, Unauthenticated, Unavailable, VigiaError
from foundation.http_errors import install_error_handlers
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.models import registry_of
from interfaces.bootstrap.platform import offline_store
from interfaces.bootstrap.worker import make_worker
from interfaces.cli.main import app
from interfaces.principals import add_principal
from interfaces.settings import load_settings
from platform_core.operations.control_api import control_router
from platform_core.operations.control_client import ControlClient
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.serving.prediction_log import PredictionRow, PredictionWriter
from platform_core.serving.rollouts.states import state_of
from tests.fakes.inference import small_model
from tests.fakes.loopback import serve

ENDPOINT = "urn:vigia:endpoint:fraud-br"
GUARDS = ({"metric": "decline_rate", "limit": 0.05}, {"metric": "latency", "limit": 0.1, "threshold": 100})
TOKEN = "control-token-of-the-test"


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    people = tmp_path / "principals.yaml"
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VIGIA__PRINCIPALS_PATH", str(people))
    monkeypatch.setenv("VIGIA__SERVING__CONTROL_TOKEN", TOKEN)
    roles = {"ana": ["oncall"], "bob": ["approver"], "vic": ["viewer"], "mex": ["oncall"]}
    return {
        name: add_principal(people, name=name, roles=own, tenants=["mx" if name == "mex" else "br"])
        for name, own in roles.items()
    }


@pytest.fixture
def base(keys: dict[str, str]) -> Foundations:
    base = open_foundations(load_settings())
    resources = SqlResources(base.engine, base.clock, base.audit)
    spec = RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1", guards=GUARDS)  # type: ignore[arg-type]
    resources.create(ENDPOINT, spec, tenant="br", actor="service:setup")
    resources.patch(
        ENDPOINT, {"canary": "2", "canary_percent": 20}, expected_revision=1, idempotency_key="start",
        actor="human:lucia", reason="trying version 2",
    )  # fmt: skip
    return base


def spec_of(base: Foundations) -> RolloutSpec:
    spec = SqlResources(base.engine, base.clock, base.audit).get(ENDPOINT).spec
    assert isinstance(spec, RolloutSpec)
    return spec


def vigia(*arguments: str, key: str | None = None) -> Any:
    """The JSON that it answers; what it raises is raised here."""
    environment = {"VIGIA_API_KEY": key} if key else {}
    done = CliRunner().invoke(app, ["rollouts", *arguments, "--json"], env=environment)
    if done.exception is not None and isinstance(done.exception, VigiaError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def log(base: Foundations, *, declines: float, count: int = 600) -> None:
    writer, rng = PredictionWriter(offline_store(base.settings)), np.random.default_rng(2)
    now = datetime.now(UTC)
    for n in range(count):
        new = n % 5 == 0
        declined = bool(rng.random() < (declines if new else 0.02))
        writer.write(
            PredictionRow(
                now + timedelta(microseconds=n), "fraud-br", "br", "2" if new else "1", "canary" if new else "champion",
                0.9 if declined else 0.1, declined, 20.0, 5.0, 1.0, 0.5, 0,
            )
        )  # fmt: skip
    assert writer.flush()


def test_the_figures_of_every_guard(base: Foundations) -> None:
    log(base, declines=0.7)
    (listed,) = vigia("list")
    shown = vigia("show", "fraud-br")
    assert (listed["state"], listed["candidate"], listed["percent"]) == ("running", "2", 20)
    assert shown["advice"] == "halt"
    declines, latency = shown["guards"]
    assert (declines["metric"], declines["standing"], declines["candidate_count"]) == ("decline_rate", "breached", 120)
    assert declines["low"] > 0.05
    assert (latency["standing"], latency["limit"]) == ("clear", 0.1)
    text = CliRunner().invoke(app, ["rollouts", "show", "fraud-br"]).stdout
    assert "decline_rate" in text
    assert "halt: guard decline_rate" in text


def test_halting_takes_nobodys_approval_and_is_in_the_history(base: Foundations, keys: dict[str, str]) -> None:
    done = vigia("halt", "fraud-br", "--reason", "declines everything", key=keys["ana"])
    assert (done["halted"], done["request"]) == (True, None)
    assert (state_of(spec_of(base)), spec_of(base).champion) == ("halted", "1")
    (past,) = vigia("history", "fraud-br")
    assert past["outcome"] == "halted"
    assert [(s["step"], s["by"], s["reason"]) for s in past["steps"]] == [
        ("started", "human:lucia", "trying version 2"),
        ("halted", "human:ana", "declines everything"),
    ]


@pytest.mark.parametrize(
    ("arguments", "who", "error", "said"),
    [
        (("halt", "fraud-br", "--reason", "x"), "vic", VigiaError, "may look only"),
        (("halt", "fraud-br", "--reason", "x"), "mex", NotFound, "no endpoint"),
        (("halt", "fraud-brr", "--reason", "x"), "ana", NotFound, "no endpoint 'fraud-brr'"),
        (("halt", "fraud-br", "--reason", " "), "ana", InvalidInput, "needs a reason"),
        (("halt", "fraud-br", "--reason", "x"), "nobody", Unauthenticated, "key"),
        (("start", "fraud-br", "3", "--reason", "x", "--strategy", "blue-gren"), "ana", InvalidInput, "not a strategy"),
        (
            ("start", "fraud-br", "3", "--reason", "x", "--guard", "latency=0.1"),
            "ana",
            InvalidInput,
            "needs a threshold",
        ),
        (("start", "fraud-br", "3", "--reason", "x", "--guard", "speed=2"), "ana", InvalidInput, "--guard 'speed=2'"),
    ],
)
def test_refusals(  # noqa: PLR0917 - one per parameter
    base: Foundations, keys: dict[str, str], arguments: tuple[str, ...], who: str, error: Any, said: str
) -> None:
    with pytest.raises(error, match=said):
        vigia(*arguments, key=keys.get(who, "vigia_nobody_" + "x" * 43))
    assert state_of(spec_of(base)) == "running"


def test_nothing_is_asked_for_that_does_not_go(base: Foundations, keys: dict[str, str]) -> None:
    vigia("halt", "fraud-br", "--reason", "stop", key=keys["ana"])
    with pytest.raises(Conflict, match="was halted: it cannot promote"):
        vigia("promote", "fraud-br", "--reason", "now", key=keys["ana"])


def test_which_version_scored_a_request(base: Foundations) -> None:
    registry_of(base).register(small_model(1), "fraud_score", "service:training")
    names = [feature.name for feature in small_model(1).signature.features]
    vector = np.arange(len(names), dtype=np.float64)
    vector[0] = np.nan
    writer = PredictionWriter(offline_store(base.settings))
    writer.write(
        PredictionRow(
            datetime.now(UTC), "fraud-br", "br", "1", "champion", 0.3, False, 20.0, 5.0, 1.0, 0.5, 0, "pay-7", "card",
            vector.tobytes(),
        )
    )  # fmt: skip
    assert writer.flush()
    (one,) = vigia("scored", "pay-7")
    assert (one["endpoint"], one["model"], one["version"], one["score"]) == ("fraud-br", "fraud_score", "1", 0.3)
    assert one["features"] == {name: None if n == 0 else float(n) for n, name in enumerate(names)}
    assert one["training_data_digest"] == small_model(1).signature.data_digest
    assert one["change"]["details"]["after"]["canary"] == "2"
    with pytest.raises(NotFound, match="no answer to 'pay-8'"):
        vigia("scored", "pay-8")


def test_a_request_that_nobody_takes_up(base: Foundations, keys: dict[str, str]) -> None:
    with pytest.raises(Unavailable, match="within 0 s"):
        vigia("promote", "fraud-br", "--reason", "it is good", "--wait", "0", key=keys["ana"])
    assert state_of(spec_of(base)) == "running"


@contextmanager
def working(base: Foundations, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The control API on loopback, and a worker beside it."""
    clients: list[ControlClient] = []

    def kept(url: str, token: str) -> ControlClient:
        clients.append(ControlClient(url, token))
        return clients[-1]

    monkeypatch.setattr("interfaces.bootstrap.worker.ControlClient", kept)
    api = FastAPI()
    install_error_handlers(api)
    resources = SqlResources(base.engine, base.clock, base.audit)
    api.include_router(control_router(resources, TOKEN))
    stop = threading.Event()
    with serve(api) as address:
        serving = base.settings.serving.model_copy(update={"base_url": address})
        settled = Foundations(
            base.settings.model_copy(update={"serving": serving}), base.clock, base.engine, base.audit, base.sealing
        )
        worker = make_worker(settled)
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            for client in clients:
                client.close()


def approve(request: str, key: str) -> None:
    done = CliRunner().invoke(app, ["approvals", "approve", request], env={"VIGIA_API_KEY": key})
    assert done.exit_code == 0, done.output


def test_a_rollback_halts_at_once_and_ends_once_approved(
    base: Foundations, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with working(base, monkeypatch):
        asked = vigia("rollback", "fraud-br", "--reason", "it is worse", "--wait", "30", key=keys["ana"])
        assert (asked["halted"], asked["status"]) == (True, "pending")
        assert state_of(spec_of(base)) == "halted", "the effect did not wait for anybody"
        again = vigia("rollback", "fraud-br", "--reason", "it is worse", "--wait", "30", key=keys["ana"])
        assert again["request"] == asked["request"]
        with pytest.raises(AssertionError, match="somebody else"):
            approve(asked["request"], keys["ana"])
        approve(asked["request"], keys["bob"])
        deadline = datetime.now(UTC) + timedelta(seconds=20)
        while spec_of(base).canary is not None and datetime.now(UTC) < deadline:
            threading.Event().wait(0.1)
    assert state_of(spec_of(base)) == "none"
    (past,) = vigia("history", "fraud-br")
    assert past["outcome"] == "rolled back"
