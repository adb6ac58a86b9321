"""Each of the demo's processes gets the secrets it needs, and no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interfaces.demo.children import environment_of
from interfaces.demo.options import DemoOptions
from interfaces.demo.workspace import Workspace, make_workspace
from interfaces.settings import load_settings


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("VIGIA__LLM__API_KEY", "a-key-of-a-model")
    monkeypatch.setenv("VIGIA__SLACK__BOT_TOKEN", "xoxb-of-a-bot")
    return make_workspace(DemoOptions(data_dir=tmp_path / "story"))


@pytest.mark.parametrize(
    ("process", "secrets"),
    [
        ("simulation", {"simulation", "alerts"}),
        ("serving", {"control"}),
        ("copilot", {"alerts", "session", "model", "slack"}),
        ("worker", {"control", "model", "slack"}),
        ("audit", set()),
    ],
)
def test_a_process_gets_the_secrets_it_needs(workspace: Workspace, process: str, secrets: set[str]) -> None:
    all_of_them = {
        "control": workspace.control_token,
        "simulation": workspace.simulation_token,
        "alerts": workspace.environment["VIGIA__ALERTS__SOURCES__MONITORS__SECRET"],
        "session": workspace.environment["VIGIA__CONSOLE__SESSION_SECRET"],
        "model": "a-key-of-a-model",
        "slack": "xoxb-of-a-bot",
    }
    environment = environment_of(process, workspace.environment)
    assert {name for name, secret in all_of_them.items() if secret in environment.values()} == secrets
    assert environment["VIGIA__DATA_DIR"] == str(workspace.directory)


@pytest.mark.parametrize("process", ["simulation", "serving", "worker", "audit"])
def test_its_settings_are_complete(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, process: str) -> None:
    for variable in list(os.environ):
        if variable.startswith("VIGIA__"):
            monkeypatch.delenv(variable)
    for variable, value in environment_of(process, workspace.environment).items():
        if variable.startswith("VIGIA__") and not variable.startswith(("VIGIA__LLM", "VIGIA__SLACK")):
            monkeypatch.setenv(variable, value)
    assert load_settings().data_dir == workspace.directory


def test_two_demos_of_one_second_have_a_directory_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gave a directory: two processes that start in the same second must not share one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _format: "20261119-054000")
    made: list[Path] = []
    for process in (4711, 4712):
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        made.append(make_workspace(DemoOptions()).directory)
    assert len(set(made)) == 2
    assert all(directory.parent == tmp_path / ".vigia" for directory in made)
