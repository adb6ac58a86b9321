"""What a cron job or a person at three in the morning reads: one line, where, and an exit code that means it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from foundation.errors import InvalidInput, Unavailable, VigiaError
from foundation.yaml_errors import yaml_problem
from interfaces.bootstrap.listening import require_free
from interfaces.cli.main import app
from interfaces.principals import open_directory


def test_a_taken_port_is_one_line_with_the_setting_to_change() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port} is taken") as refused:
            require_free("127.0.0.1", port, setting="VIGIA__HTTP__PORT")
    assert "VIGIA__HTTP__PORT" in (refused.value.hint or "")
    require_free("127.0.0.1", port, setting="VIGIA__HTTP__PORT")
    require_free("127.0.0.1", 0, setting="any")
    with pytest.raises(InvalidInput, match="no address of this machine"):
        require_free("192.0.2.1", 8080, setting="any")


def test_serve_on_a_taken_port_ends_before_anything_is_opened(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        variables = {"VIGIA__DATA_DIR": str(tmp_path / "data"), "VIGIA__HTTP__PORT": str(taken.getsockname()[1])}
        done = CliRunner().invoke(app, ["serve"], env=variables)
    assert isinstance(done.exception, Unavailable)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("text", ["principals:\n  - id: x\n   name: [\n", "principals: [", "a: b: c", "\t- x"])
def test_a_broken_people_file_is_one_line_with_its_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "principals.yaml"
    path.write_text(text)
    with pytest.raises(VigiaError) as refused:
        list(open_directory(path, "production"))
    assert "\n" not in str(refused.value)
    assert "line " in str(refused.value)


def test_other_errors_of_a_yaml_file_are_one_line_too() -> None:
    assert yaml_problem(ValueError("month must be\n in 1..12")) == "month must be in 1..12"
    assert yaml_problem(yaml.YAMLError("odd\nthing")) == "odd thing"


def test_a_health_report_that_could_not_check_everything_is_no_success(tmp_path: Path) -> None:
    variables = {"VIGIA__DATA_DIR": str(tmp_path)}
    runner = CliRunner()
    assert runner.invoke(app, ["database", "upgrade"], env=variables).exit_code == 0
    done = runner.invoke(app, ["health", "report", "--json"], env=variables)
    assert '"verdict": "incomplete"' in done.stdout or '"verdict": "failed"' in done.stdout
    assert done.exit_code == 1
