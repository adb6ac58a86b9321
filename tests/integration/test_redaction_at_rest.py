"""Personal data in what outside systems and people say never comes out again: not on a card, not in a file or a log."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.worker import make_worker
from interfaces.principals import add_principal
from interfaces.settings import Settings
from interfaces.settings.sections import AlertSettings, AlertSourceSettings
from interfaces.settings.serving import ServingSettings
from platform_core.operations.resources import JobSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.timeline import JobRun

SECRET = "a-secret-of-enough-length"
JOB = "urn:vigia:job:materialize-device_risk"
CPF, MAIL, CARD, PHONE = "529.982.247-25", "ana.souza@example.com", "4111 1111 1111 1111", "+55 11 98765-4321"
PLANTED = (CPF, "52998224725", MAIL, CARD, PHONE)


@pytest.fixture
def base(tmp_path: Path) -> Foundations:
    settings = Settings(
        data_dir=tmp_path,
        serving=ServingSettings(control_token=SecretStr("a-control-token-of-length")),
        alerts=AlertSettings(sources={"monitors": AlertSourceSettings(kind="alertmanager", secret=SecretStr(SECRET))}),
    )
    return open_foundations(settings)


def _job_fails(base: Foundations) -> None:
    now = base.clock.now()
    spec = JobSpec(subject="urn:vigia:feature_view:device_risk")
    SqlResources(base.engine, base.clock, base.audit).create(JOB, spec, actor="service:test")
    for minute in (4, 3, 2):
        run = JobRun(
            id=f"run_{minute}",
            job=JOB,
            subject="urn:vigia:feature_view:device_risk",
            tenant="mx",
            started_at=now - timedelta(minutes=minute),
            ended_at=now - timedelta(minutes=minute, seconds=-5),
            status="failed",
            error=f"bad row customer cpf={CPF} mail {MAIL}\x00 card {CARD}: device_id is null",
        )
        SqlOperations(base.engine).record_job(run)


def _page(base: Foundations) -> dict[str, object]:
    return {
        "version": "4",
        "alerts": [
            {
                "status": "firing",
                "labels": {
                    "alertname": "Job",
                    "kind": "job_failure",
                    "subject": JOB,
                    "tenant": "mx",
                    "severity": "critical",
                    "customer_cpf": "52998224725",
                },
                "annotations": {"summary": f"3 runs failed for {MAIL}, call {PHONE}, cpf {CPF}"},
                "startsAt": base.clock.now().isoformat(),
                "fingerprint": "f1",
            }
        ],
    }


def test_planted_personal_data_comes_out_nowhere(base: Foundations, tmp_path: Path) -> None:
    key = add_principal(tmp_path / "principals.yaml", name="alice", roles=["oncall"], tenants=["*"])
    _job_fails(base)
    web = TestClient(copilot_app(base))
    posted = web.post("/v1/webhooks/alertmanager", json=_page(base), headers={"Authorization": f"Bearer {SECRET}"})
    assert posted.status_code == 202, posted.text
    worker = make_worker(base)
    for _ in range(50):
        if not worker.step():
            break

    bearer = {"Authorization": f"Bearer {key}"}
    said = {"correct": False, "actual_cause": "renamed_column", "note": f"customer {CPF} called, {MAIL}"}
    judged = web.post("/v1/incidents/1/feedback", json=said, headers=bearer)
    assert judged.status_code == 201, judged.text
    web.post("/console/login", data={"api_key": key})
    places = {
        "feedback": judged.text,
        "card": web.get("/v1/incidents/1", headers=bearer).text,
        "alerts": web.get("/v1/incidents/1/alerts", headers=bearer).text,
        "evidence": web.get("/v1/incidents/1/evidence", headers=bearer).text,
        "timeline": web.get("/v1/incidents/1/timeline", headers=bearer).text,
        "console": web.get("/console/incidents/INC-0001").text,
        "report": (tmp_path / "reports" / "INC-0001.md").read_text(),
        "audit log": json.dumps([entry.model_dump(mode="json") for entry in base.audit.entries()]),
    }
    leaks = [(place, value) for place, text in places.items() for value in PLANTED if value in text]
    assert leaks == []
    assert "<CPF_" in places["evidence"], "the probe did read the error"
    assert "device_id is null" in places["evidence"], "what the diagnosis needs is still there"
    assert "<EMAIL_" in places["alerts"]
