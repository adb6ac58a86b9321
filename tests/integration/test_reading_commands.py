"""Commands that only look: they make nothing, name what there is not, say what to do next, and end at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foundation.errors import InvalidInput, NotFound, VigiaError
from foundation.nearest import did_you_mean
from interfaces.bootstrap.foundations import open_foundations
from interfaces.cli.main import app
from interfaces.settings import Settings
from platform_core.operations.rollout_spec import RolloutSpec
from platform_core.operations.sql_resources import SqlResources

ROOT = Path(__file__).parents[2]
LOOKING = (
    "models list", "models show fraud_score", "models gates fraud_score 1", "models retrain fraud_score --check",
    "rollouts list", "rollouts show fraud-br", "rollouts history", "approvals list", "approvals show apr_1",
    "approvals like apr_1", "incidents list", "incidents show 1", "budgets show", "delegations list",
    "break-glass list", "kill-switch show",
)  # fmt: skip


def test_who_only_looks_makes_no_database(tmp_path: Path) -> None:
    there = tmp_path / "nowhere"
    for command in LOOKING:
        done = CliRunner().invoke(app, command.split(), env={"VIGIA__DATA_DIR": str(there)})
        assert isinstance(done.exception, InvalidInput), (command, done.output)
        assert "there is no database" in done.exception.message
        assert not there.exists(), command


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a platform with one endpoint and nothing else."""
    data = tmp_path_factory.mktemp("looked-at")
    base = open_foundations(Settings(data_dir=data))
    spec = RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1")
    SqlResources(base.engine, base.clock, base.audit).create(
        "urn:vigia:endpoint:fraud-br", spec, tenant="br", actor="service:test"
    )
    base.engine.dispose()
    return {"VIGIA__DATA_DIR": str(data)}


@pytest.mark.parametrize(
    ("command", "next_step"),
    [
        ("models list", "vigia models train"),
        ("approvals list", "vigia incidents list"),
        ("incidents list", "vigia serve"),
        ("rollouts history", "vigia rollouts start"),
        ("delegations list", "vigia delegations add"),
        ("incidents list --status open", "no incident is open"),
    ],
)
def test_where_there_is_nothing_it_says_what_to_do(env: dict[str, str], command: str, next_step: str) -> None:
    done = CliRunner().invoke(app, command.split(), env=env)
    assert (done.exit_code, next_step in " ".join(done.output.split())) == (0, True), done.output
    told = CliRunner().invoke(app, [*command.split(), "--json"], env=env)
    assert json.loads(told.output) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("models list fraud_scor", "none is registered yet: vigia models train"),
        ("models show fraud_scor", "none is registered yet: vigia models train"),
        ("rollouts show fraud-brr", "did you mean fraud-br?"),
        ("approvals show apr_1", "vigia approvals list"),
        ("approvals like apr_1", "vigia approvals list"),
        ("incidents show INC-0099", "vigia incidents list"),
        ("incidents list --status awaiting", "did you mean awaiting_approval?"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(env: dict[str, str], command: str, said: str) -> None:
    done = CliRunner().invoke(app, command.split(), env=env)
    assert isinstance(done.exception, VigiaError), done.output
    assert said in str(done.exception)
    assert isinstance(done.exception, NotFound) or "--status" in command


def test_the_nearest_name() -> None:
    assert did_you_mean("frud", ["fraud", "churn"]) == "did you mean fraud?"
    assert did_you_mean("x", ["fraud", "churn"]) == "one of fraud, churn"
    assert did_you_mean("x", [f"n{n}" for n in range(30)]).endswith("n19 and 10 more")
    assert did_you_mean("x", [], none="nothing yet") == "nothing yet"


def test_who_interrupts_before_it_began_sees_no_traceback() -> None:
    """The signal comes while `interfaces.cli.main` is being imported, which takes most of a short command's time."""
    code = (
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'interfaces.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from interfaces.cli.start import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
