"""The copilot over real HTTP on loopback: what is refused is refused whole, and the service goes on."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi.testclient import TestClient
from pydantic import AnyHttpUrl, SecretStr

from foundation.database import reading
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.principals import add_principal
from interfaces.settings import Settings
from interfaces.settings.sections import AlertSettings, AlertSourceSettings, HttpSettings

SECRET = "a-secret-of-enough-length"
SUBJECT = "urn:vigia:source:payments_br"


@dataclass(frozen=True)
class Copilot:
    url: str
    base: Foundations
    keys: dict[str, str]

    def post(self, content: Any, *, path: str = "alertmanager", secret: str = SECRET) -> httpx.Response:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.post(f"{self.url}/v1/webhooks/{path}", content=body, headers=headers)

    def get(self, path: str, *, who: str = "alice") -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.keys[who]}"})

    def stored(self) -> int:
        with reading(self.base.engine) as connection:
            return connection.execute(sa.text("SELECT count(*) FROM alerts")).scalar_one()


@pytest.fixture
def copilot(tmp_path: Path) -> Iterator[Copilot]:
    keys = {
        name: add_principal(tmp_path / "principals.yaml", name=name, roles=[role], tenants=tenants)
        for name, role, tenants in (("alice", "oncall", ["*"]), ("dora", "viewer", ["ar"]))
    }
    settings = Settings(
        data_dir=tmp_path,
        http=HttpSettings(max_body_bytes=20_000),
        alerts=AlertSettings(sources={"monitors": AlertSourceSettings(kind="alertmanager", secret=SecretStr(SECRET))}),
    )
    base = open_foundations(settings)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(copilot_app(base), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield Copilot(f"http://127.0.0.1:{listener.getsockname()[1]}", base, keys)
        server.should_exit = True
        thread.join(timeout=10)
    base.engine.dispose()


def one(fingerprint: str = "f1", **labels: str) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "Drift", "kind": "drift", "subject": SUBJECT, "tenant": "br"} | labels,
        "annotations": {"summary": "amount moved", "value": "0.83", "threshold": "0.2"},
        "startsAt": "2026-11-19T05:51:00Z",
        "fingerprint": fingerprint,
    }


def payload(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {"version": "4", "alerts": list(alerts)}


def test_an_alert_is_stored_before_it_is_acknowledged(copilot: Copilot) -> None:
    answer = copilot.post(payload(one(), one("f2")))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "duplicates": 0, "resolved": 0})
    assert copilot.stored() == 2
    assert copilot.post(payload(one())).json()["duplicates"] == 1
    head = copilot.get("/v1/audit/head").json()
    assert head["size"] == 2


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"{", 422, "not JSON"),
        (b'{"version": "4"}', 422, "alerts"),
        (payload(one(tenant="xx")), 422, "tenant 'xx' is unknown"),
        (payload(one(), one("f2", tenant="xx")), 422, "alerts[1]"),
        (payload(one(subject="payments_br")), 422, "not a URN"),
        (payload(one(alert_source="pagerduty")), 422, "claims another source"),
        (payload(one(x="\x00")), 422, "NUL"),
        (b'{"pad": "' + b"x" * 30_000 + b'"}', 413, "larger than 20000 bytes"),
    ],
)
def test_bad_input_is_refused_with_the_reason_and_stores_nothing(
    copilot: Copilot, content: Any, status: int, said: str
) -> None:
    answer = copilot.post(content)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert copilot.stored() == 0
    assert copilot.post(payload(one())).status_code == 202


def test_a_body_that_does_not_say_its_size_is_limited_too(copilot: Copilot) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 1000

    answer = httpx.post(f"{copilot.url}/v1/webhooks/alertmanager", content=chunks())
    assert answer.status_code == 413
    assert copilot.stored() == 0


def test_a_huge_body_is_refused_without_being_read(copilot: Copilot) -> None:
    answer = copilot.post(b"x" * 5_000_000)
    assert answer.status_code == 413
    assert copilot.get("/livez").status_code == 200


def test_wrong_credentials_and_addresses(copilot: Copilot) -> None:
    assert copilot.post(payload(one()), secret="wrong").status_code == 401
    assert copilot.post(payload(one()), path="nagios").status_code == 404
    assert copilot.post(payload(one()), path="pagerduty").status_code == 401
    assert httpx.get(f"{copilot.url}/v1/incidents").status_code == 401
    bad = httpx.get(f"{copilot.url}/v1/incidents", headers={"Authorization": "Bearer vigia_alice_wrong"})
    assert bad.status_code == 401
    assert bad.json()["error"]["code"] == "unauthenticated"
    assert copilot.get("/v1/nowhere").json()["error"]["code"] == "not_found"
    assert copilot.get("/v1/webhooks/alertmanager").status_code == 405
    assert copilot.stored() == 0


def test_probes_and_metrics(copilot: Copilot) -> None:
    assert httpx.get(f"{copilot.url}/livez").json() == {"status": "alive"}
    ready = httpx.get(f"{copilot.url}/readyz")
    assert ready.status_code == 200
    assert {check["name"] for check in ready.json()["checks"]} == {"database", "audit log", "data directory"}
    copilot.post(b"{")
    metrics = httpx.get(f"{copilot.url}/metrics")
    assert 'vigia_alerts_refused_total{code="invalid_input"}' in metrics.text


def test_reading_needs_a_key_and_sees_its_tenants_only(copilot: Copilot) -> None:
    assert copilot.get("/v1/incidents").json() == []
    assert copilot.get("/v1/incidents/INC-0007").status_code == 404
    assert copilot.get("/v1/approvals/apr_nothing").status_code == 404
    assert copilot.get("/v1/incidents?status=broken").status_code == 422
    assert {tool["name"] for tool in copilot.get("/v1/tools").json()} >= {"freshness", "change_events"}


def test_the_kill_switch_over_http_and_in_the_console(copilot: Copilot) -> None:
    path = "/v1/kill-switch"
    assert httpx.get(f"{copilot.url}{path}").status_code == 401
    assert copilot.get(path).json()["engaged"] is False

    def switch(engaged: bool, *, who: str, reason: str = "odd") -> httpx.Response:
        headers = {"Authorization": f"Bearer {copilot.keys[who]}"}
        return httpx.post(f"{copilot.url}{path}", json={"engaged": engaged, "reason": reason}, headers=headers)

    assert switch(True, who="dora").status_code == 403
    assert switch(True, who="alice", reason=" ").status_code == 422
    assert switch(True, who="alice", reason="odd: ask ana@example.com").status_code == 200
    assert copilot.get(path).json()["changed_by"] == "human:alice"
    assert "ana@example.com" not in copilot.get(path).text
    assert switch(False, who="alice").status_code == 403, "starting again takes an approver"
    assert copilot.base.audit.entries()[-1].record.action == "kill_switch.engaged"
    with httpx.Client(base_url=copilot.url) as browser:
        browser.post("/console/login", data={"api_key": copilot.keys["alice"]})
        page = browser.get("/console/approvals").text
        assert "by human:alice" in page
        assert "Release" in page
        stale = browser.post("/console/kill-switch", data={"csrf": "wrong", "engaged": "false", "reason": "x"})
        assert stale.status_code == 403
        csrf = page.split('name="csrf" value="')[1].split('"')[0]
        refused = browser.post("/console/kill-switch", data={"csrf": csrf, "engaged": "false", "reason": "x"})
        assert refused.status_code == 403
        again = browser.post("/console/kill-switch", data={"csrf": csrf, "engaged": "true", "reason": "still odd"})
        assert again.headers["location"] == "/console/approvals"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/incidents/99999999999999999999",
        "/v1/incidents/INC-99999999999999999999",
        "/v1/incidents/\u0664\u0662",
        "/v1/incidents/%00",
        "/v1/approvals/%00",
        "/v1/approvals/apr_x%00",
    ],
)
def test_a_strange_reference_is_simply_not_there(copilot: Copilot, path: str) -> None:
    answer = copilot.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_redaction_as_a_service(copilot: Copilot) -> None:
    headers = {"Authorization": f"Bearer {copilot.keys['alice']}"}
    answer = httpx.post(f"{copilot.url}/v1/redact", json={"text": "mail ana@example.com"}, headers=headers)
    assert "ana@example.com" not in answer.json()["text"]
    headers = {"Authorization": f"Bearer {copilot.keys['dora']}"}
    guess = httpx.post(f"{copilot.url}/v1/redact", json={"text": "529.982.247-25"}, headers=headers)
    assert guess.status_code == 403


def test_the_store_is_for_its_owner_only(copilot: Copilot) -> None:
    assert (copilot.base.settings.data_dir / "vigia.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("public", "secure"), [("https://vigia.example", True), ("http://127.0.0.1:8080", False)])
def test_behind_https_the_session_travels_only_there(tmp_path: Path, public: str, secure: bool) -> None:
    key = add_principal(tmp_path / "principals.yaml", name="alice", roles=["oncall"], tenants=["*"])
    settings = Settings(data_dir=tmp_path, http=HttpSettings(public_url=AnyHttpUrl(public)))
    base = open_foundations(settings)
    answer = TestClient(copilot_app(base)).post("/console/login", data={"api_key": key}, follow_redirects=False)
    assert ("secure" in answer.headers["set-cookie"].lower()) == secure
    base.engine.dispose()


def test_the_openapi_document_names_the_errors(copilot: Copilot) -> None:
    document = httpx.get(f"{copilot.url}/openapi.json").json()
    webhook = document["paths"]["/v1/webhooks/{format}"]["post"]
    assert {"202", "401", "403", "413", "422", "503"} <= set(webhook["responses"])
    assert "/console" not in document["paths"]


def test_the_console_asks_for_a_key_and_then_shows_pages(copilot: Copilot) -> None:
    with httpx.Client(base_url=copilot.url) as browser:
        assert browser.get("/").headers["location"] == "/console"
        assert browser.get("/console").headers["location"] == "/console/login"
        assert browser.post("/console/login", data={"api_key": "wrong"}).status_code == 401
        signed_in = browser.post("/console/login", data={"api_key": copilot.keys["alice"]})
        cookie = signed_in.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        for path in ("/console", "/console/approvals", "/console/audit", "/console/health"):
            page = browser.get(path)
            assert page.status_code == 200, page.text
            assert "default-src 'none'" in page.headers["content-security-policy"]
        assert browser.get("/console/incidents/INC-0001").status_code == 404
        stale = browser.post("/console/approvals/apr_x/decide", data={"csrf": "wrong", "verdict": "approve"})
        assert stale.status_code == 403
        browser.cookies.set("vigia_session", "human:alice|99999999999|abc|forged")
        assert browser.get("/console").headers["location"] == "/console/login"


def test_the_audit_page_is_for_those_who_see_every_tenant(copilot: Copilot) -> None:
    with httpx.Client(base_url=copilot.url) as browser:
        browser.post("/console/login", data={"api_key": copilot.keys["dora"]})
        assert browser.get("/console/audit").status_code == 403
