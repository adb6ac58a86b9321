"""From a trained version to production as people do it: gates, a proposal, somebody else's approval, and refusals.

The command line and the worker's part run here, the control plane is `vigia platform serve` in a process of its own, on
an embedded platform of two countries with payments, labels and features of a week.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from audit.verify import verify_log
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.models import registry_of
from interfaces.bootstrap.platform import online_store
from interfaces.bootstrap.promotion import model_upkeep
from interfaces.bootstrap.worker import control_client, standing_requests
from interfaces.cli.main import app
from interfaces.principals import add_principal
from interfaces.settings import load_settings
from platform_core.catalog.specs import Catalog, Column, Dtype
from platform_core.catalog.store import CatalogStore
from platform_core.features.feature_rows import offline_table
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.operations.sql_resources import SqlResources
from platform_core.training.pipeline import train_fraud_model
from platform_core.urn import urn
from tests.fakes.alerting_servers import free_ports
from tests.fakes.payments import END, SERVICE, START, small_catalog, small_history

ROOT = Path(__file__).parents[2]
MODEL = "fraud_score"
ROWS = 5_000
VIEWS = {"card_velocity": "card_id", "device_risk": "device_id"}


@dataclass
class Home:
    path: Path
    keys: dict[str, str]

    def vigia(self, *arguments: str, person: str | None = None) -> Result:
        """A command, as `person` (nobody by default). Unlike the entry point it lets our errors through."""
        environment = {} if person is None else {"VIGIA_API_KEY": self.keys[person]}
        return CliRunner().invoke(app, list(arguments), env=environment)

    def said(self, *arguments: str, person: str | None = None) -> Any:
        done = self.vigia(*arguments, "--json", person=person)
        assert done.exit_code == 0, done.output + repr(done.exception)
        return json.loads(done.stdout)

    def refusal(self, *arguments: str, person: str | None = None) -> str:
        done = self.vigia(*arguments, person=person)
        assert done.exit_code != 0
        assert done.exception is not None, done.output
        return str(done.exception)

    @property
    def base(self) -> Foundations:
        return open_foundations(load_settings())

    def stages(self) -> dict[str, str]:
        return {version["version"]: version["stage"] for version in self.said("models", "list", MODEL)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    path = tmp_path_factory.mktemp("promotion")
    (port,) = free_ports(1)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "DATA_DIR": str(path / "data"),
            "CLOCK__ORIGIN": END.isoformat(),
            "CLOCK__STARTED": datetime.now(UTC).isoformat(),
            "SERVING__PORT": str(port),
            "SERVING__CONTROL_TOKEN": "the-control-token",
            "GATE_POLICY_PATH": str(path / "gates.yaml"),
        }.items():
            patch.setenv(f"VIGIA__{name}", value)
        # what the machine does beside is not what is tested here
        (path / "gates.yaml").write_text("latency: {p99_ms: 50, repeats: 3, calls: 100}\n", encoding="utf-8")
        home = Home(path, {})
        people = load_settings().principals_file
        for name, role in (("ana", "responder"), ("bruno", "approver"), ("vera", "viewer")):
            home.keys[name] = add_principal(people, name=name, roles=[role], tenants=["*"])
        home.keys["bea"] = add_principal(people, name="bea", roles=["responder"], tenants=["br"])
        furnish(home.base)
        with Serving(path, port):
            yield home


def furnish(base: Foundations) -> None:
    """Stores, catalog and three versions: 1 in production, 2 newer, 3 the same but registered apart."""
    store, online, history = DeltaOfflineStore(base.settings.data_dir / "offline"), online_store(base.settings), None
    history = small_history(ROWS)
    for table in history.tables():
        store.append(table, history.read(table))
    for view, key in VIEWS.items():
        for tenant in ("br", "ar"):
            rows = feature_rows(history.read(f"payments_{tenant}"), tenant, key)
            store.append(offline_table(view), rows)
            online.write_table(tenant, view, rows)
    CatalogStore(base.engine, base.clock, base.audit).apply(whole_catalog(), "human:ana")
    registry = registry_of(base)
    for end, seed in ((START + timedelta(days=3), 1), (START + timedelta(days=4), 2), (START + timedelta(days=4), 3)):
        trained = train_fraud_model(store, whole_catalog(), SERVICE, start=START, end=end, seed=seed, trees=30)
        registry.register(trained, MODEL, "service:training")
    registry.adopt(MODEL, "1", "human:ana")


def whole_catalog() -> Catalog:
    """The small one, with every column of its sources declared, as applying it asks for."""
    kinds: dict[str, Dtype] = {"event_ts": "timestamp", "ingested_at": "timestamp", "amount": "float64"}
    names = ("event_id", "event_ts", "ingested_at", "card_id", "device_id", "amount", "channel")
    columns = tuple(Column(name=name, dtype=kinds.get(name, "string"), description=name) for name in names)
    small = small_catalog()
    return small.model_copy(
        update={"sources": tuple(s.model_copy(update={"columns": columns, "deployment": None}) for s in small.sources)}
    )


def feature_rows(payments: pa.Table, tenant: str, key: str) -> pa.Table:
    return pa.table(
        {
            "tenant": [tenant] * len(payments),
            "key": payments[key],
            "event_ts": payments["event_ts"],
            "created_ts": payments["event_ts"],
            "tx_count_1h": np.arange(len(payments), dtype=np.float64) % 7,
        }
    )


class Serving:
    """`vigia platform serve` for the time of the tests."""

    def __init__(self, path: Path, port: int) -> None:
        self._log = path / "serve.log"
        self._address = f"http://127.0.0.1:{port}"

    def __enter__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "interfaces.cli", "platform", "serve"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 90
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()[-4000:]
            assert time.monotonic() < deadline, self._log.read_text()[-4000:]
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self._address}/livez", timeout=1).is_success
        except httpx.TransportError:
            return False

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def worked(home: Home, until: Callable[[], bool]) -> None:
    """The worker's turns, and those of the models' keeper, until that is so."""
    deadline = time.monotonic() + 60
    with control_client(load_settings()) as writer:
        requests, models = standing_requests(home.base, writer), model_upkeep(home.base)
        while not until():
            assert time.monotonic() < deadline
            requests.step()
            models.step()
            time.sleep(0.05)


def in_the_console(home: Home, person: str, request_id: str) -> None:
    """Approve it there, where it stands in full beside the incidents' requests."""
    browser = TestClient(copilot_app(home.base), follow_redirects=False)
    browser.post("/console/login", data={"api_key": home.keys[person]})
    page = browser.get("/console/approvals").text
    assert "a new acquirer" in page
    assert f"/console/approvals/{request_id}/decide" in page
    csrf = page.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    done = browser.post(f"/console/approvals/{request_id}/decide", data={"csrf": csrf, "verdict": "approve"})
    assert (done.status_code, done.headers["location"]) == (303, "/console/approvals")


def actions(home: Home) -> list[str]:
    return [entry.record.action for entry in home.base.audit.entries()]


def test_a_version_goes_from_dev_to_production(home: Home) -> None:
    assert home.stages() == {"1": "production", "2": "dev", "3": "dev"}
    assert "was never judged for staging" in home.refusal(
        "models", "promote", MODEL, "2", "--to", "staging", person="ana"
    )
    review = home.said("models", "gate", MODEL, "2", "--to", "staging")
    assert (review["outcome"], review["champion"]) == ("passed", "1")
    assert {verdict["gate"] for verdict in review["verdicts"]} == {"documentation", "drift", "latency", "performance"}
    refused = home.refusal("models", "promote", MODEL, "2", "--to", "staging", person="vera")
    assert "human:vera may not promote fraud_score in production" in refused
    assert home.said("models", "promote", MODEL, "2", "--to", "staging", person="ana")["stage"] == "staging"

    assert "was never judged for production" in home.refusal(
        "models", "promote", MODEL, "2", "--to", "production", person="ana"
    )
    shown = home.vigia("models", "gate", MODEL, "2", "--to", "production")
    assert shown.exit_code == 0, shown.output + repr(shown.exception)
    for gate in ("bias", "consistency", "documentation", "drift", "latency", "performance"):
        assert f"{gate}: passed" in shown.output
    assert "no endpoint serves fraud_score: each version is judged at its own decline threshold" in shown.output
    assert "next: vigia models promote fraud_score 2 --to production" in shown.output
    assert [review["thresholds"] for review in home.said("models", "gates", MODEL, "2")] == [{}, {}]

    request = home.said("models", "promote", MODEL, "2", "--to", "production", person="ana")
    assert (request["status"], request["proposal"]["tool"]) == ("pending", "promote_model")
    changes = {
        change["field"]: (change["before"], change["after"]) for change in request["proposal"]["plan"]["changes"]
    }
    assert changes["production"] == ("1", "2")
    assert request["proposal"]["compensation"]["arguments"]["restore"] == "1"
    assert home.stages()["2"] == "staging", "asking moves nothing"

    with control_client(load_settings()) as writer:
        standing_requests(home.base, writer).step()
    assert home.stages()["2"] == "staging", "nobody has approved it"
    for person in ("ana", "vera"):
        done = home.vigia("approvals", "approve", request["id"], person=person)
        assert done.exit_code != 0, "neither who asked for it nor who may not decide"
    home.said("approvals", "approve", request["id"], person="bruno")
    worked(home, lambda: "action.verified" in actions(home))
    assert home.stages() == {"1": "staging", "2": "production", "3": "dev"}
    told = actions(home)
    order = [
        "model.judged",
        "approval.requested",
        "approval.granted",
        "action.started",
        "action.succeeded",
        "action.verified",
    ]
    assert [told.index(action) for action in order] == sorted(told.index(action) for action in order)
    assert verify_log(home.base.engine).ok


def test_a_review_that_went_stale_between_approval_and_move_moves_nothing(home: Home) -> None:
    home.said("models", "gate", MODEL, "3", "--to", "staging")
    home.said("models", "promote", MODEL, "3", "--to", "staging", person="ana")
    home.said("models", "gate", MODEL, "3", "--to", "production")
    request = home.said("models", "promote", MODEL, "3", "--to", "production", person="ana")
    home.said("approvals", "approve", request["id"], person="bruno")
    card = home.path / "data" / "models" / MODEL / "3" / "card.md"
    original = card.read_bytes()
    card.chmod(0o644)
    card.write_bytes(original + b"\nThe best model ever.\n")
    worked(home, lambda: "action.failed" in actions(home))
    assert home.stages()["3"] == "staging"
    assert (
        SqlResources(home.base.engine, home.base.clock, home.base.audit).get(urn("model", MODEL)).spec.production == "2"
    )  # type: ignore[union-attr]
    assert "card.md" in home.refusal("models", "gate", MODEL, "3", "--to", "production")
    card.write_bytes(original)


def test_a_policy_that_became_stricter_asks_for_the_gates_again_and_they_fail(home: Home) -> None:
    policy = home.path / "gates.yaml"
    before = policy.read_text(encoding="utf-8")
    policy.write_text(before + "documentation: {min_characters: 100000}\n", encoding="utf-8")
    try:
        said = home.refusal("models", "promote", MODEL, "3", "--to", "production", person="ana")
        assert "stale: the gate policy was changed since" in said
        assert "run vigia models gate again" in said
        failed = home.vigia("models", "gate", MODEL, "3", "--to", "production")
        assert failed.exit_code == 1
        assert "documentation: FAILED" in failed.output
        assert "did not pass its gates" in home.refusal(
            "models", "promote", MODEL, "3", "--to", "production", person="ana"
        )
    finally:
        policy.write_text(before, encoding="utf-8")


def test_a_retraining_is_proposed_approved_and_ends_in_dev(home: Home) -> None:
    found = home.said("models", "retrain", MODEL, "--check")
    assert {verdict["gate"] for verdict in found["verdicts"]} == {"decay", "drift"}
    assert found["reasons"] == []
    assert "nothing speaks for training" in home.refusal("models", "retrain", MODEL, person="ana")
    request = home.said("models", "retrain", MODEL, "--because", "a new acquirer", person="ana")
    assert request["proposal"]["rationale"] == "a new acquirer"
    assert "asks for a training" in home.refusal("models", "retrain", MODEL, "--because", "again", person="ana")
    in_the_console(home, "bruno", request["id"])
    worked(home, lambda: "4" in home.stages() and actions(home).count("action.verified") == 2)
    assert home.stages() == {"1": "staging", "2": "production", "3": "staging", "4": "dev"}
    newest = home.said("models", "list", MODEL)[-1]
    every = home.said("models", "list")
    assert {(each["name"], each["version"]) for each in every} >= {(MODEL, newest["version"])}
    assert all(each["stage"] in ("dev", "staging", "production") for each in every)
    assert newest["created_by"] == "service:training"
    assert newest["signature"]["data_end"] > home.said("models", "list", MODEL)[1]["signature"]["data_end"]


@pytest.mark.parametrize("person", ["vera", "bea"])
def test_who_may_not_ask_for_a_change_is_refused_and_kept(home: Home, person: str) -> None:
    """Who only looks, and who may propose for one tenant: a model belongs to none. Each refusal is audited."""

    def refusals() -> int:
        entries = [e.record for e in home.base.audit.entries() if e.record.actor == f"human:{person}"]
        return len([record for record in entries if record.action in ("model.refused", "approval.refused")])

    before = refusals()
    stages = home.stages()
    commands = (
        ("promote", MODEL, "3", "--to", "staging"),
        ("demote", MODEL, "3"),
        ("demote", MODEL, "2"),
        ("retrain", MODEL, "--because", "I say so"),
    )
    for command in commands:
        said = home.refusal("models", *command, person=person)
        assert f"human:{person} may not" in said or f"no grant lets human:{person} propose" in said
    assert refusals() - before == len(commands)
    assert home.stages() == stages


def test_what_cannot_be_asked_is_said_in_a_line(home: Home) -> None:
    assert "is not a stage to go to" in home.refusal("models", "gate", MODEL, "2", "--to", "prod")
    assert "there is no version '9'" in home.refusal("models", "gate", MODEL, "9", "--to", "staging")
    assert "cannot be promoted to staging" in home.refusal("models", "gate", MODEL, "2", "--to", "staging")
    assert "needs a person" in home.refusal("models", "promote", MODEL, "2", "--to", "production")
    assert "has no zone" in home.refusal("models", "retrain", MODEL, "--since", "2026-11-18T00:00:00", person="ana")


def test_a_version_goes_down_as_it_came_up(home: Home) -> None:
    before = home.stages()
    assert "human:vera may not demote fraud_score" in home.refusal("models", "demote", MODEL, "3", person="vera")
    assert home.said("models", "demote", MODEL, "3", person="ana")["stage"] == "dev"
    assert "is in dev and cannot go to dev" in home.refusal("models", "demote", MODEL, "3", person="ana")
    request = home.said("models", "demote", MODEL, "2", person="ana")
    asked = request["proposal"]
    assert (request["status"], asked["tool"], asked["arguments"]["restore"]) == ("pending", "demote_model", "1")
    assert home.stages() == {**before, "3": "dev"}, "asking moves nothing"
    home.said("approvals", "approve", request["id"], person="bruno")
    worked(home, lambda: home.stages()["1"] == "production")
    assert home.stages() == {**before, "1": "production", "2": "staging", "3": "dev"}
