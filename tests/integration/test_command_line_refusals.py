"""What the command line does when it cannot do what was asked: a line and a hint, and nothing is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_command_line import ROOT, vigia


@pytest.mark.parametrize(
    ("variables", "code", "said"),
    [
        ({"VIGIA__DATA_DIR": "{file}"}, 2, "VIGIA__DATA_DIR"),
        ({"VIGIA__DATA_DIR": "{file}/below"}, 2, "VIGIA__DATA_DIR"),
        ({"VIGIA__DATA_DIR": "/proc/vigia"}, 2, "cannot be made"),
        ({"VIGIA__DATABASE_URL": "nonsense"}, 2, "VIGIA__DATABASE_URL"),
        ({"VIGIA__DATABASE_URL": "mysql://x:hunter2hunter2@y/z"}, 2, "VIGIA__DATABASE_URL"),
    ],
)
def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, variables: dict[str, str], code: int, said: str) -> None:
    file = tmp_path / "file"
    file.touch()
    done = vigia(tmp_path, "database", "upgrade", **{name: v.format(file=file) for name, v in variables.items()})
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_demo_is_told_in_one_line_where_it_cannot_be(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    done = vigia(tmp_path, "demo", "--data-dir", str(tmp_path / place))
    assert done.returncode == 2
    assert "choose another --data-dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"\xff\xfe")
    done = vigia(tmp_path, "approvals", "approve", "apr_1", "--key-file", str(key))
    assert done.returncode == 2
    assert "UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_database_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "vigia.db").write_bytes(b"this is no database, whatever it is called" * 100)
    done = vigia(tmp_path, "incidents", "list")
    assert done.returncode == 1
    assert "is damaged or no database" in done.stderr


@pytest.mark.parametrize(
    "command",
    [("incidents", "list"), ("approvals", "list"), ("audit", "verify"), ("health", "report"), ("features", "screen")],
)
def test_what_only_reads_makes_no_database_to_read(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A wrong directory must not say that all is well."""
    done = vigia(tmp_path, *command)
    assert done.returncode == 2, done.stdout
    assert f"there is no database at {tmp_path / 'data' / 'vigia.db'}" in done.stderr
    assert not (tmp_path / "data").exists()


def test_an_empty_answer_names_what_it_was_read_from(tmp_path: Path) -> None:
    assert vigia(tmp_path, "database", "upgrade").returncode == 0
    for command in (("incidents", "list"), ("approvals", "list")):
        done = vigia(tmp_path, *command)
        assert done.returncode == 0, done.stderr
        assert str(tmp_path / "data" / "vigia.db") in done.stdout.replace("\n", "")


def test_what_is_written_is_for_this_account_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        assert vigia(tmp_path, "database", "upgrade").returncode == 0
    finally:
        os.umask(before)
    for path in (tmp_path / "data", *(tmp_path / "data").iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    ("command", "name"),
    [(("serve",), "guardrails"), (("worker",), "agents"), (("platform", "serve"), "migrations"),
     (("platform", "simulate"), "evals")],
)  # fmt: skip
def test_a_process_does_not_start_on_somebody_else_s_package(
    tmp_path: Path, command: tuple[str, ...], name: str
) -> None:
    foreign = tmp_path / "site" / name
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-m", "interfaces.cli", *command],
        env=os.environ | {"PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}", "VIGIA__DATA_DIR": str(tmp_path / "data")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert f"package '{name}' comes from {foreign}" in done.stderr
    assert "Traceback" not in done.stderr
