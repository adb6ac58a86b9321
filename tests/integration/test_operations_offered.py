"""The timeline, jobs, usage and cost, from outside: command line and HTTP, each caller within their grant."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from foundation.http_errors import install_error_handlers
from foundation.secrets.reference import SecretRef
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.operations import OperationsRecords, change_desk
from interfaces.cli.main import app
from interfaces.http.access import install_access
from interfaces.http.operations import operations_routes
from interfaces.principals import PrincipalsFile, make_grant, open_directory
from interfaces.settings import load_settings
from platform_core.operations.timeline import ChangeEvent, JobRun
from platform_core.operations.usage import UsageHour, hour_of
from tests.fakes.loopback import serve

NOW = datetime.now(UTC).replace(microsecond=0)


def vigia(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, migrated_database: Path) -> Iterator[Foundations]:
    import shutil

    for name in list(os.environ):
        if name.startswith("VIGIA__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VIGIA__USAGE__PER_MILLION_PREDICTIONS", "3")
    shutil.copyfile(migrated_database, tmp_path / "vigia.db")
    base = open_foundations(load_settings())
    records = OperationsRecords(base)
    for number, (kind, tenant, minutes) in enumerate(
        [("deploy", "br", 5), ("config", "mx", 10), ("catalog", None, 20), ("deploy", "br", 600)]
    ):
        event = {
            "id": f"chg_{number}",
            "at": NOW - timedelta(minutes=minutes),
            "kind": kind,
            "subject": f"urn:vigia:deployment:d{number}",
            "tenant": tenant,
            "summary": "s",
            "author": "human:ana",
        }
        records.operations.record_change(ChangeEvent.model_validate(event))
    for number, tenant in enumerate(("br", "mx")):
        run = JobRun(
            id=f"run_{number}",
            job=f"urn:vigia:job:j{number}",
            subject="urn:vigia:feature_view:cards",
            tenant=tenant,
            started_at=NOW - timedelta(minutes=30),
            ended_at=NOW - timedelta(minutes=29),
            status="failed" if number else "succeeded",
        )
        records.operations.record_job(run)
    hour = hour_of(NOW - timedelta(hours=1))
    for tenant, quantity in (("br", 2e6), ("mx", 1e6)):
        subject = f"urn:vigia:endpoint:fraud-{tenant}"
        records.usage.add_usage(
            [UsageHour(hour=hour, subject=subject, tenant=tenant, unit="predictions", quantity=quantity)]
        )
    yield base
    base.engine.dispose()


def test_the_command_line_shows_them(base: Foundations, tmp_path: Path) -> None:
    assert [e["id"] for e in vigia("timeline")] == ["chg_0", "chg_1", "chg_2"]
    assert [e["id"] for e in vigia("timeline", "--since", "1d", "--kind", "deploy")] == ["chg_0", "chg_3"]
    assert [e["id"] for e in vigia("timeline", "--subject", "urn:vigia:deployment:d1")] == ["chg_1"]
    assert [r["id"] for r in vigia("jobs", "--status", "failed")] == ["run_1"]
    usage = vigia("usage", "--by", "endpoint")
    assert [(t["name"], t["cost"]) for t in usage["totals"]] == [("fraud-br", 6.0), ("fraud-mx", 3.0)]
    assert usage["currency"] == "USD"
    file = tmp_path / "focus.csv"
    assert CliRunner().invoke(app, ["usage", "--focus", str(file)]).exit_code == 0
    assert {row["ResourceName"] for row in csv.DictReader(file.read_text().splitlines())} == {"fraud-br", "fraud-mx"}
    for command, said in (("timeline", "deploy"), ("jobs", "succeeded"), ("usage", "predictions")):
        assert said in CliRunner().invoke(app, [command], env={"COLUMNS": "200"}).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("timeline", "--kind", "deplay"), "did you mean deploy?"),
        (("timeline", "--since", "yesterday"), "is not a duration"),
        (("timeline", "--since", "2026-11-18T06:00:00"), "has no zone"),
        (("timeline", "--since", "99999999d"), "goes back too far"),
        (("timeline", "--since", "0001-01-01T00:00:00+14:00"), "goes back too far"),
        (("usage", "--since", "2999-01-01"), "is still to come"),
        (("timeline", "--subject", "fraud-br"), "is not a URN"),
        (("jobs", "--job", "no job"), "is not a name"),
        (("jobs", "--status", "done"), "is not a status"),
        (("usage", "--by", "day"), "is not a grouping"),
    ],
)
def test_what_does_not_fit_is_said(base: Foundations, arguments: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code != 0
    assert said in str(result.exception)


def test_a_job_goes_by_its_name(base: Foundations) -> None:
    assert [run["id"] for run in vigia("jobs", "--job", "j1")] == ["run_1"]
    assert [run["id"] for run in vigia("jobs", "--job", "urn:vigia:job:j0")] == ["run_0"]


@pytest.fixture
def people(base: Foundations) -> dict[str, str]:
    file = PrincipalsFile(base.settings.principals_file)
    return {
        "all": file.add("human:ana", make_grant(["oncall"], ["*"])),
        "br": file.add("service:ci", make_grant(["caller"], ["br"])),
        "viewer": file.add("human:vera", make_grant(["viewer"], ["br"])),
    }


@pytest.fixture
def client(base: Foundations, people: dict[str, str]) -> Iterator[httpx.Client]:
    api = FastAPI()
    install_error_handlers(api)
    install_access(api, open_directory(base.settings.principals_file, base.settings.environment))
    api.include_router(operations_routes(OperationsRecords(base), change_desk(base)))
    with serve(api) as address, httpx.Client(base_url=f"{address}/v1", trust_env=False) as client:
        yield client


def ask(client: httpx.Client, key: str | None, path: str, **query: str) -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return client.get(path, params=query, headers=headers)


def test_each_caller_sees_what_they_were_granted(client: httpx.Client, people: dict[str, str]) -> None:
    def ids(who: str, path: str, **query: str) -> list[str]:
        return [each["id"] for each in ask(client, people[who], path, **query).json()]

    assert ids("all", "/timeline") == ["chg_0", "chg_1", "chg_2"]
    assert ids("br", "/timeline") == ["chg_0"]
    assert ids("br", "/timeline", since="2020-01-01T00:00:00Z") == ["chg_0", "chg_3"]
    assert ids("viewer", "/jobs") == ["run_0"]
    assert [t["name"] for t in ask(client, people["br"], "/usage").json()] == ["br"]
    assert [t["name"] for t in ask(client, people["all"], "/usage").json()] == ["br", "mx"]
    assert ask(client, None, "/timeline").status_code == 401
    assert ask(client, people["all"], "/timeline", since="2026-01-01T00:00:00").status_code == 422
    assert ask(client, people["all"], "/timeline", kind="nonsense").status_code == 422


def test_a_deploy_elsewhere_is_told_once(base: Foundations, client: httpx.Client, people: dict[str, str]) -> None:
    change = {
        "kind": "deploy", "subject": "urn:vigia:deployment:ingest-br", "tenant": "br", "id": "pipeline-17",
        "summary": "ingest 4.2 by ana@example.com, CPF 529.982.247-25", "details": {"commit": "abc"},
    }  # fmt: skip

    def tell(who: str, **other: object) -> httpx.Response:
        return client.post("/timeline", json={**change, **other}, headers={"Authorization": f"Bearer {people[who]}"})

    first = tell("br")
    assert first.status_code == 201, first.text
    assert "529.982.247" not in first.text
    assert tell("br").json() == first.json()
    assert tell("br", kind="config").status_code == 409
    assert tell("viewer").status_code == 403
    assert tell("br", tenant="mx").status_code == 403
    assert tell("br", tenant=None).status_code == 403
    assert tell("all", tenant=None).status_code == 201
    assert tell("br", kind="rollout", id="x").status_code == 422
    assert tell("br", subject="ingest", id="x").status_code == 422
    assert tell("br", at="2020-01-01T00:00:00Z", id="x").status_code == 422
    told = [entry.record for entry in base.audit.entries(start=0, limit=100) if entry.record.action == "change.told"]
    assert [(record.actor, record.tenant) for record in told] == [("service:ci", "br"), ("human:ana", None)]


def test_a_rotated_secret_is_on_the_timeline_once(base: Foundations, tmp_path: Path) -> None:
    from foundation.secrets.sources import SOURCES

    reference = SecretRef("file", str(tmp_path / "token"))
    for text in ("one", "two", "three"):
        Path(reference.name).touch(mode=0o600)
        Path(reference.name).write_text(text * 10)
        SOURCES.resolve(reference)
    (event,) = vigia("timeline", "--kind", "secret")
    assert event["subject"] == str(reference)
    assert "two" not in json.dumps(event)


def test_who_may_do_what_is_on_the_timeline(base: Foundations) -> None:
    vigia("principals", "add", "service:ci", "--role", "caller", "--tenant", "br", "--environment", "production")
    key = vigia("principals", "rotate", "service:ci", "--overlap", "1h")["api_key"]
    (listed,) = vigia("principals", "list")
    assert len(listed["keys"]) == 2
    assert listed["environments"] == ["production"]
    vigia("principals", "revoke", "service:ci")
    events = vigia("timeline", "--kind", "access")
    assert [event["subject"] for event in events] == ["service:ci"] * 3
    assert key not in json.dumps(events)
    actions = [entry.record.action for entry in base.audit.entries(start=0, limit=100)]
    assert actions == ["principal.added", "principal.key_added", "principal.keys_revoked"]
