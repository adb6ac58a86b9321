"""Settings: strict, helpful, and silent about secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import InvalidInput
from interfaces.settings import Settings, load_settings
from interfaces.settings.report import config_report
from interfaces.settings.schema import leaves

SECRET = "a-very-secret-token-nobody-may-see"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("VIGIA__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))


def test_defaults_work_on_one_machine(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.database_url == f"sqlite:///{tmp_path / 'data' / 'vigia.db'}"
    assert settings.http.port == 8080
    assert settings.copilot_url == "http://127.0.0.1:8080"
    assert settings.llm.provider == "none"


def test_nested_names_and_alert_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIA__HTTP__PORT", "9000")
    monkeypatch.setenv("VIGIA__ALERTS__SOURCES__PROD_AM__KIND", "alertmanager")
    monkeypatch.setenv("VIGIA__ALERTS__SOURCES__PROD_AM__SECRET", SECRET)
    monkeypatch.setenv("VIGIA__ALERTS__SOURCES__PROD_AM__TENANTS", '["br"]')
    settings = load_settings()
    assert settings.http.port == 9000
    source = settings.alerts.sources["prod_am"]
    assert source.kind == "alertmanager"
    assert source.tenants == {"br"}
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("VIGIA__HTTP__PROT", "VIGIA__HTTP__PORT"),
        ("VIGIA__CLOK__SPEED", "VIGIA__CLOCK__SPEED"),
        ("VIGIA__ALERTS__SOURCES__PAGER__SECRT", "VIGIA__ALERTS__SOURCES__PAGER__SECRET"),
        ("VIGIA__DATADIR", "VIGIA__DATA_DIR"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, variable: str, meant: str
) -> None:
    monkeypatch.setenv(variable, "x")
    with pytest.raises(InvalidInput, match=f"{variable} is not a setting: did you mean {meant}"):
        load_settings()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"VIGIA__HTTP__PORT": "http"}, "VIGIA__HTTP__PORT"),
        ({"VIGIA__CLOCK__ORIGIN": "2026-11-19T05:40:00"}, "needs its zone"),
        ({"VIGIA__CLOCK__SPEED": "60"}, "needs VIGIA__CLOCK__ORIGIN"),
        ({"VIGIA__CLOCK__ORIGIN": "2026-11-19T05:40:00Z"}, "belong together"),
        ({"VIGIA__LLM__PROVIDER": "litellm"}, "VIGIA__LLM__MODEL"),
        ({"VIGIA__ONLINE__KIND": "redis"}, "VIGIA__ONLINE__URL"),
        ({"VIGIA__POLICY_PATH": "/nowhere/policy.yaml"}, "does not exist"),
        ({"VIGIA__SLACK__BOT_TOKEN": "xoxb-1"}, "VIGIA__SLACK__CHANNEL"),
        ({"VIGIA__ALERTS__SOURCES__AM__KIND": "alertmanager"}, "VIGIA__ALERTS__SOURCES__AM__SECRET"),
        ({"VIGIA__HTTP": "{not json"}, "JSON"),
    ],
)
def test_what_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput, match=said.replace("(", r"\(")):
        load_settings()
    report = config_report()
    assert not report.ok
    assert any(said in problem for problem in report.problems)


def test_the_report_shows_where_each_value_came_from_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIA__SERVING__CONTROL_TOKEN", SECRET)
    monkeypatch.setenv("VIGIA__DATABASE_URL", "postgresql+psycopg://vigia:hunter2hunter2@127.0.0.1/vigia")
    report = config_report()
    by_name = {line.name: line for line in report.settings}
    assert by_name["serving.control_token"].value == "********"
    assert by_name["serving.control_token"].origin == "environment"
    assert by_name["http.port"].origin == "default"
    text = report.model_dump_json()
    assert SECRET not in text
    assert "hunter2" not in text


def test_every_setting_is_reported() -> None:
    names = {line.name for line in config_report().settings}
    assert names == {leaf.name for leaf in leaves() if "<name>" not in leaf.path}


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().data_dir = Path("/elsewhere")
