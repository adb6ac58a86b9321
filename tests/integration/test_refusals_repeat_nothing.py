"""What a request says wrongly is not repeated in the answer: a canary in path, body, header and query of each app."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import ValidationError, field_validator

from audit.checkpoint import NoteVerifier
from audit.cosignature import Cosigner
from audit.keys import load_or_create_key
from audit.witness import Witness
from foundation.clock import FixedClock, SystemClock
from foundation.database import metadata, open_database
from foundation.frozen import Frozen
from foundation.http_errors import install_error_handlers
from foundation.outside_text import Redact, unredacted
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.unkept import unkept_redaction
from interfaces.http.features import create_features_app
from interfaces.http.witness import witness_app
from interfaces.principals import add_principal
from interfaces.settings import Settings
from platform_core.access.directory import PrincipalDirectory, PrincipalGrant
from platform_core.access.tenancy import TenantGuard
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.retrieval import OnlineRetriever
from platform_core.operations.control_api import control_router
from platform_core.simulation.server import SimulationState, create_simulation_app
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.inference import Inference
from tests.fakes.online_catalog import ANALYST, T, online_catalog

CPF, MAIL = "529.982.247-25", "ana.silva@example.com"
BOTH = f"{CPF} {MAIL}"
KEY = "vigia_analyst_key"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}

Ask = tuple[str, str, dict[str, Any]]


class Picky(Frozen):
    name: str

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        raise ValueError(f"{name!r} is nobody")


def copilot(directory: Path, redact: Redact) -> FastAPI:
    settings = Settings(data_dir=directory)
    add = directory / "principals.yaml"
    add_principal(add, name="alice", roles=["admin"], tenants=["*"])
    text = add.read_text(encoding="utf-8")
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    digest = next(part for part in text.replace('"', " ").replace("'", " ").split() if len(part) == len(hashed))
    add.write_text(text.replace(digest, hashed), encoding="utf-8")
    app = copilot_app(open_foundations(settings))
    if redact is unredacted:
        install_error_handlers(app, unredacted)

    @app.post("/picky")
    def picky(content: Picky) -> None:  # pyright: ignore[reportUnusedFunction]
        """A route of somebody's who repeats the value."""

    return app


def features(directory: Path, redact: Redact) -> FastAPI:
    clock = FixedClock(T)
    store = SqliteOnlineStore(directory / "online.db")
    retriever = OnlineRetriever(online_catalog(), store, clock, guard=TenantGuard(FakeAuditLog(clock)))
    grant = PrincipalGrant(**ANALYST.model_dump(), api_key_sha256=hashlib.sha256(KEY.encode()).hexdigest())
    return create_features_app(retriever, PrincipalDirectory([grant]), redact=redact)


def inference(directory: Path, redact: Redact) -> FastAPI:
    engine = open_database(f"sqlite:///{directory / 'serving.db'}")
    metadata.create_all(engine)
    parts = Inference(engine, SystemClock(), directory / "artifacts")
    app = parts.app(redact=redact)
    app.include_router(control_router(parts.resources, KEY))
    return app


def simulation(_directory: Path, redact: Redact) -> FastAPI:
    class Booted:
        def inject(self, name: str) -> None:
            from foundation.errors import NotFound

            raise NotFound(f"there is no fault {name!r}")

    state = SimulationState()
    state.simulation = Booted()  # type: ignore[assignment]
    return create_simulation_app(state, KEY, redact)


def witness(directory: Path, redact: Redact) -> FastAPI:
    key = load_or_create_key(directory / "witness.pem")
    cosigner = Cosigner("witness.example/w1", key)
    logs: list[NoteVerifier] = []
    return witness_app(Witness(cosigner, directory / "heads.json", logs, SystemClock()), redact)


PREDICTION = {"request_id": "r1", "entities": {"card": "c"}, "inputs": {}, BOTH: 1}
PREDICT = "/v1/predict/fraud-br"
PATCH = {"headers": {**AUTHORIZED, "If-Match": BOTH, "Idempotency-Key": "k"}}
ASKED: dict[Callable[[Path, Redact], FastAPI], list[Ask]] = {
    copilot: [
        ("POST", "/v1/proposals", {"json": {"incident": BOTH, "tool": "x", "arguments": {}, "reason": "y"}}),
        ("POST", "/v1/redact", {"json": {BOTH: 1}}),
        ("POST", "/picky", {"json": {"name": BOTH}}),
        ("GET", f"/v1/incidents/{BOTH}", {}),
        ("GET", f"/nowhere/{BOTH}", {}),
        ("POST", f"/v1/webhooks/{BOTH}", {"json": {}}),
    ],
    features: [
        ("POST", "/v1/features/online", {"json": {"features": BOTH, "tenant": "br", "entity_rows": []}}),
        ("POST", "/v1/features/online", {"json": {"features": "a:b", "tenant": BOTH, "entity_rows": []}}),
        ("POST", "/v1/features/online", {"json": {BOTH: 1}}),
        ("POST", "/v1/features/online", {"content": b"x", "headers": {**AUTHORIZED, "content-type": BOTH}}),
        ("GET", f"/nowhere/{BOTH}", {}),
    ],
    inference: [
        ("POST", f"/v1/predict/{BOTH}", {"json": PREDICTION}),
        ("POST", PREDICT, {"json": PREDICTION}),
        ("POST", PREDICT, {"content": BOTH.encode(), "headers": {"content-type": BOTH}}),
        ("GET", f"/control/v1/resources/{BOTH}", {}),
        ("PATCH", "/control/v1/resources/x", {"json": {"fields": {}, "actor": "a", "reason": "r"}, **PATCH}),
        ("PATCH", "/control/v1/resources/x", {"json": {BOTH: 1}}),
    ],
    simulation: [("POST", f"/simulation/v1/faults/{BOTH}", {}), ("GET", f"/nowhere/{BOTH}", {})],
    witness: [("POST", "/add-checkpoint", {"content": f"old 0\n\n{BOTH}\n1\nAAAA\n\n— x AAAA\n".encode()})],
}


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[Callable[[Any, Redact], list[tuple[str, int, str]]]]:
    with ExitStack() as open_apps:

        def ask(make: Callable[[Path, Redact], FastAPI], redact: Redact) -> list[tuple[str, int, str]]:
            directory = tmp_path / ("plain" if redact is unredacted else "redacted")
            directory.mkdir()
            client = TestClient(make(directory, redact), headers=AUTHORIZED, raise_server_exceptions=False)
            open_apps.enter_context(client)
            found: list[tuple[str, int, str]] = []
            for method, path, more in ASKED[make]:
                answer = client.request(method, path, **more)
                found.append((f"{method} {path}", answer.status_code, answer.text))
            return found

        yield ask


@pytest.mark.parametrize("make", list(ASKED), ids=lambda make: make.__name__)
def test_no_refusal_repeats_the_canary(make: Any, answers: Any) -> None:
    redact = unkept_redaction().redact
    for where, status, text in answers(make, redact):
        assert 400 <= status < 500, (where, status, text)
        assert CPF not in text, (where, text)
        assert MAIL not in text, (where, text)
        assert "redaction failed" not in text, (where, text)
    without = answers(make, unredacted)
    assert any(CPF in text for _, _, text in without), "the control: what is not redacted is repeated somewhere"


def test_the_apps_of_the_composition_root_redact(tmp_path: Path) -> None:
    """The other apps are given the same by `run_serving` and `run_simulation`."""
    app = copilot(tmp_path, redactor(Settings(data_dir=tmp_path)).redact)
    answer = TestClient(app, headers=AUTHORIZED).get(f"/v1/incidents/{CPF}")
    assert "<CPF_" in answer.text


def test_a_model_that_does_not_validate_says_nothing_of_the_value() -> None:
    with pytest.raises(ValidationError) as told:
        AnotherModel.model_validate({"size": BOTH})
    assert CPF not in str(told.value)
    assert "size" in str(told.value)


class AnotherModel(Frozen):
    size: int


def test_the_command_line_repeats_nothing_either(tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    export.write_text("", encoding="utf-8")
    typed = [sys.executable, "-m", "interfaces.cli", "audit", "verify", "--export", str(export), "--key", BOTH]
    done = subprocess.run(typed, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not a verifier key" in done.stderr
    assert CPF not in done.stderr
    assert MAIL not in done.stderr
