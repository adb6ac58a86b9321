"""Redaction as it is offered: `vigia redact`, `vigia redact reveal`, `POST /v1/redact`, and the reveal over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from foundation.errors import Forbidden, InvalidInput
from guardrails.redaction.errors import RedactionBlocked
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.cli.main import app
from interfaces.principals import add_principal
from interfaces.settings import Settings

REASON = "the customer asked, ticket 4711"
TEXT = "cpf 529.982.247-25, mail ana%40example.com\n"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path))
    return tmp_path


def vigia(*arguments: str, stdin: bytes = b"", key: str | None = None) -> Result:
    return CliRunner(env={"VIGIA_API_KEY": key}).invoke(app, ["redact", *arguments], input=stdin)


def test_text_in_text_out_or_spans() -> None:
    plain = vigia(stdin=TEXT.encode())
    assert plain.exit_code == 0, plain.output
    assert plain.stdout.startswith("cpf <CPF_")
    assert plain.stdout.endswith(">\n")
    found: dict[str, Any] = json.loads(vigia("--json", stdin=TEXT.encode()).stdout)
    assert found["text"] == plain.stdout
    assert [span["entity"] for span in found["spans"]] == ["CPF", "EMAIL"]
    for span in found["spans"]:
        assert span.keys() == {"entity", "start", "end", "score", "validator", "disguise"}
    assert TEXT[found["spans"][1]["start"] : found["spans"][1]["end"]] == "ana%40example.com"
    assert found["spans"][1]["disguise"] == "escapes"
    assert vigia("cpf 529.982.247-25").stdout.startswith("cpf <CPF_")


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    given = b"\xff\xfe caf\xe9 529.982.247-25 \x00\x80\r\nend"
    shown = vigia(stdin=given).stdout_bytes
    assert shown.startswith(b"\xff\xfe caf\xe9 <CPF_")
    assert shown.endswith(b"> \x00\x80\r\nend")


def test_too_long_a_text_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIA__REDACTION__MAX_CHARACTERS", "1000")
    done = vigia(stdin=b"529.982.247-25 " + b"a" * 5000)
    assert isinstance(done.exception, RedactionBlocked)
    assert done.stdout == ""


def _people(path: Path) -> dict[str, str]:
    return {
        name: add_principal(path / "principals.yaml", name=name, roles=[role], tenants=["*"])
        for name, role in (("ana", "approver"), ("otto", "oncall"), ("vera", "viewer"))
    }


def test_a_pseudonym_is_revealed_to_an_approver_and_to_nobody_else(data: Path) -> None:
    keys = _people(data)
    name = vigia("529.982.247-25").stdout.strip()
    told = vigia("reveal", name, "--reason", REASON, key=keys["ana"])
    assert told.stdout == "52998224725\n", told.output
    refused = vigia("reveal", name, "--reason", REASON, key=keys["otto"])
    assert isinstance(refused.exception, Forbidden)
    assert isinstance(vigia("reveal", name, "--reason", REASON).exception, InvalidInput)
    entries = _open(data).audit.entries()
    assert [(e.record.action, e.record.actor) for e in entries] == [
        ("pseudonym.revealed", "human:ana"),
        ("pseudonym.reveal_refused", "human:otto"),
    ]
    assert "52998224725" not in str(entries)


def test_a_policy_can_refuse_reveals(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = _people(data)
    name = vigia("529.982.247-25").stdout.strip()
    policy = data / "policy.yaml"
    policy.write_text(
        "version: 1\nrules:\n"
        "  - {name: no-reveals, description: Nobody reveals., effect: deny,\n"
        "     match: {tools: [reveal_pseudonym], tiers: [read], environments: [production]}}\n"
        "  - {name: reads, description: Looking., effect: allow,\n"
        "     match: {tools: ['*'], tiers: [read], environments: [dev, staging, production]}}\n"
    )
    monkeypatch.setenv("VIGIA__POLICY_PATH", str(policy))
    refused = vigia("reveal", name, "--reason", REASON, key=keys["ana"])
    assert isinstance(refused.exception, Forbidden)
    assert "no-reveals" in str(refused.exception)


def _open(data: Path) -> Foundations:
    return open_foundations(Settings(data_dir=data))


def test_over_http(data: Path) -> None:
    keys = _people(data)
    base = _open(data)
    web = TestClient(copilot_app(base))

    def post(path: str, who: str, **content: str) -> Any:
        return web.post(path, json=content, headers={"Authorization": f"Bearer {keys[who]}"})

    answer = post("/v1/redact", "otto", text=TEXT)
    assert answer.status_code == 200
    assert [span["entity"] for span in answer.json()["spans"]] == ["CPF", "EMAIL"]
    assert "529" not in answer.json()["text"]
    assert post("/v1/redact", "vera", text=TEXT).status_code == 403
    assert post("/v1/redact", "otto", text="a" * 200_001).status_code == 422
    bare = answer.json()["text"].split("<")[1].split(">")[0]
    told = post(f"/v1/pseudonyms/{bare}/reveal", "ana", reason=REASON)
    assert told.json() == {"pseudonym": f"<{bare}>", "value": "52998224725"}
    assert told.headers["cache-control"] == "no-store"
    assert post(f"/v1/pseudonyms/{bare}/reveal", "otto", reason=REASON).status_code == 403
    assert post("/v1/pseudonyms/CPF_00000000/reveal", "ana", reason=REASON).status_code == 404
    assert post("/v1/pseudonyms/nobody/reveal", "ana", reason=REASON).status_code == 422
    actions = [entry.record.action for entry in base.audit.entries()]
    assert actions.count("pseudonym.revealed") == 1
    base.engine.dispose()
