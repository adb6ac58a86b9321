"""Secrets planted in every setting that takes one: nothing that is printed, logged or raised holds any of them."""

from __future__ import annotations

import io
import json
import logging
import os
import traceback
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foundation.errors import InvalidInput
from foundation.secrets.setting import ReferredSecret
from foundation.telemetry.logs import configure_logs, get_logger
from interfaces.cli.main import app
from interfaces.settings import load_settings
from interfaces.settings.schema import leaves

NAMED = ("VIGIA__TELEMETRY__OTLP_HEADERS",)
"""Several secrets by name, as one JSON object."""

ENOUGH = "0123456789abcdef0123456789abcdef"


def canary(number: int) -> str:
    return f"canary{number}x{ENOUGH}"


def secret_variables() -> list[str]:
    """Every setting that takes a secret, found in the model: a new one is planted too."""
    from interfaces.settings import Settings

    found: list[str] = []
    for leaf in leaves():
        model, annotation = Settings, None
        for part in leaf.path:
            if part == "<name>":
                continue
            annotation = model.model_fields[part].annotation
            inner = [annotation, *getattr(annotation, "__args__", ())]
            model = next((each for each in inner if hasattr(each, "model_fields")), model)
        if "SecretStr" in str(annotation):
            found.append(leaf.variable.replace("<NAME>", "AM"))
    return found


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("VIGIA__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VIGIA__ALERTS__SOURCES__AM__KIND", "alertmanager")
    monkeypatch.setenv("VIGIA__SLACK__CHANNEL", "ops")
    monkeypatch.setenv("VIGIA__SECRETS__VAULT_ADDRESS", "https://vault.example:8200")


def plant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str) -> list[str]:
    """Each secret in its own place, as `how` says; what must not be seen."""
    variables = secret_variables()
    assert len(variables) >= 10
    for number, variable in enumerate(variables):
        value = canary(number)
        if how == "file":
            path = tmp_path / f"secret{number}"
            path.touch(mode=0o600)
            path.write_text(value)
            value = f"file:{path}"
        elif how == "env":
            monkeypatch.setenv(f"SECRET_{number}", value)
            value = f"env:SECRET_{number}"
        monkeypatch.setenv(variable, json.dumps({"authorization": value}) if variable in NAMED else value)
    monkeypatch.setenv("THE_DATABASE", "postgresql+psycopg://vigia:canaryDB@127.0.0.1/vigia")
    monkeypatch.setenv("VIGIA__DATABASE_URL", "env:THE_DATABASE")
    monkeypatch.setenv("VIGIA__ONLINE__URL", "redis://:canaryREDIS@127.0.0.1:1/0")
    return ["canary"]


@pytest.mark.parametrize("how", ["literal", "file", "env"])
def test_nothing_printed_logged_or_raised_holds_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str) -> None:
    plant(monkeypatch, tmp_path, how)
    settings = load_settings()
    assert settings.serving.control_token is not None
    assert settings.serving.control_token.get_secret_value().startswith("canary")
    assert "canaryDB" in settings.database_url
    shown = [repr(settings), str(settings), settings.model_dump_json(), str(settings.slack), settings.database_name]
    for arguments in (["config", "check"], ["config", "check", "--json"]):
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
        assert result.exit_code == 0, result.output
        shown.append(result.output)
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        configure_logs(stream=stream)
        get_logger("test").info("settings", settings=settings, token=settings.serving.control_token)
        try:
            raise InvalidInput(f"{settings!r}")  # noqa: TRY301 - what is logged must have been raised
        except InvalidInput:
            get_logger("test").exception("failed", token=settings.llm.api_key)
            shown.append(traceback.format_exc())
    finally:
        logging.getLogger().handlers, _level = before[0], logging.getLogger().setLevel(before[1])
    assert not [text for text in [*shown, stream.getvalue()] if "canary" in text]
    if how != "literal":
        assert isinstance(settings.serving.control_token, ReferredSecret)
        assert str(settings.serving.control_token) in shown[-3] + shown[-2]


def test_what_does_not_fit_is_told_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIGIA__ALERTS__SOURCES__AM__SECRET", "canary-short")
    result = CliRunner().invoke(app, ["config", "check", "--json"])
    assert result.exit_code == 2
    assert "VIGIA__ALERTS__SOURCES__AM__SECRET" in result.output
    assert "canary" not in result.output
    monkeypatch.setenv("VIGIA__ALERTS__SOURCES__AM__SECRET", f"file:{tmp_path}/nowhere")
    monkeypatch.setenv("VIGIA__SECRETS__VAULT_TOKEN", "env:NO_SUCH_TOKEN")
    result = CliRunner().invoke(app, ["config", "check", "--json"])
    assert result.exit_code == 2
    problems = json.loads(result.stdout)["problems"]
    assert [line.split(":")[0] for line in problems] == [
        "VIGIA__SECRETS__VAULT_TOKEN",
        "VIGIA__ALERTS__SOURCES__AM__SECRET",
    ]


def test_a_database_that_is_referred_to_and_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIGIA__SECRETS__VAULT_ADDRESS")
    monkeypatch.setenv("VIGIA__ALERTS__SOURCES__AM__SECRET", canary(0))
    monkeypatch.setenv("VIGIA__DATABASE_URL", "env:NO_SUCH_URL")
    with pytest.raises(InvalidInput, match="VIGIA__DATABASE_URL: there is no secret at env:NO_SUCH_URL"):
        load_settings()
