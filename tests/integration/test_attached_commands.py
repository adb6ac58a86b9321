"""`vigia attached …`, against moto's SageMaker and the scripted Databricks."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foundation.errors import Forbidden, InvalidInput
from interfaces.cli.main import app
from interfaces.principals import PrincipalsFile, make_grant
from tests.fakes.attached_platforms import ScriptedDatabricks, moto_address, sagemaker_client
from tests.fakes.scripted_http import scripted_server

TOKEN = "dapi-canary"


def vigia(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["attached", *arguments, "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    assert TOKEN not in result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, migrated_database: Path) -> None:
    for name in list(os.environ):
        if name.startswith("VIGIA"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path))
    shutil.copyfile(migrated_database, tmp_path / "vigia.db")


@pytest.fixture
def databricks(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedDatabricks]:
    script = ScriptedDatabricks(TOKEN)
    script.now = 4_000_000_000_000
    with scripted_server(script) as server:
        monkeypatch.setenv("VIGIA__ATTACHED__DATABRICKS_HOST", server.address)
        monkeypatch.setenv("DATABRICKS", TOKEN)
        monkeypatch.setenv("VIGIA__ATTACHED__DATABRICKS_TOKEN", "env:DATABRICKS")
        yield script


def test_endpoints_of_sagemaker_become_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="VIGIA__ATTACHED__SAGEMAKER=true"):
        vigia("sync")
    with sagemaker_client():
        monkeypatch.setenv("VIGIA__ATTACHED__SAGEMAKER", "true")
        monkeypatch.setenv("VIGIA__ATTACHED__SAGEMAKER_REGION", "sa-east-1")
        monkeypatch.setenv("VIGIA__ATTACHED__SAGEMAKER_URL", moto_address())
        (endpoint,) = vigia("sync")
    assert endpoint["urn"] == "urn:vigia:endpoint:sagemaker.fraud-br"
    assert endpoint["spec"]["canary_percent"] == 10


def test_jobs_of_databricks_are_run_by_a_person(
    databricks: ScriptedDatabricks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = PrincipalsFile(tmp_path / "principals.yaml")
    keys = {
        who: people.add(who, make_grant([role], ["*"]))
        for who, role in (("human:ana", "oncall"), ("human:vera", "viewer"), ("service:ci", "oncall"))
    }
    for who in ("human:vera", "service:ci"):
        monkeypatch.setenv("VIGIA_API_KEY", keys[who])
        with pytest.raises(Forbidden, match="may not run"):
            vigia("run-job", "nightly features")
    assert databricks.started == {}
    monkeypatch.setenv("VIGIA_API_KEY", keys["human:ana"])
    run = vigia("run-job", "nightly features", "--once", "k")["run"]
    assert vigia("run-job", "nightly features", "--once", "k")["run"] == run
    assert [each["status"] for each in vigia("jobs")["runs"]] == ["running"]
    vigia("cancel-run", run)
    assert [each["status"] for each in vigia("jobs")["runs"]] == ["cancelled"]
    timeline = json.loads(CliRunner().invoke(app, ["timeline", "--kind", "job", "--json"]).stdout)
    assert [event["author"] for event in timeline] == ["human:ana"] * 3
