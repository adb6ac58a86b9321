"""docs/tutorial.md, run: its files written, its commands run in order, its output compared line by line.

A block of Python or YAML goes to the file that the paragraph before it names last. Of a console block, `$` begins a
command and `# exit code N` ends one that is meant to fail; every other line must be in the command's output, in this
order, spaces apart, `…` standing for anything. `vigia` runs in this process, everything else in a shell.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interfaces.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"(?P<before>[^\n]*(?:\n[^\n]+)*)\n\n```(?P<language>\w+)\n(?P<body>.*?)\n```", re.S)


def steps(body: str) -> Iterator[tuple[str, int, list[str]]]:
    """Of a console block: the command, the exit code it ends with, the output that is shown."""
    for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
        command, *shown = part.splitlines()
        command, _, code = command.partition("   # exit code ")
        yield command, int(code or 0), [line for line in shown if line.strip()]


class Console:
    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        self._monkeypatch = monkeypatch

    def run(self, command: str) -> tuple[str, int]:
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self._monkeypatch.setenv(name, value)
            return "", 0
        if command.startswith("vigia "):
            return self._vigia(shlex.split(command)[1:])
        words = (
            f"{shlex.quote(sys.executable)} {command.removeprefix('python ')}"
            if command.startswith("python ")
            else command
        )
        done = subprocess.run(
            ["bash", "-c", words], cwd=self._directory, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout + done.stderr, done.returncode

    def _vigia(self, arguments: list[str]) -> tuple[str, int]:
        """As the installed command ends: `main` turns errors into a line and an exit code."""
        self._monkeypatch.setattr(sys, "argv", ["vigia", *arguments])
        runner = CliRunner()
        with runner.isolation() as (_, _, output):
            try:
                main.main()
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
            sys.stdout.flush()
            sys.stderr.flush()
            return output.getvalue().decode(), code


def normal(text: str) -> str:
    return " ".join(text.split())


def assert_shown(shown: list[str], output: str, command: str) -> None:
    lines = iter(normal(line) for line in output.splitlines())
    for expected in shown:
        pattern = ".*".join(re.escape(normal(piece)) for piece in expected.split("…")).replace(".*", " ?.* ?")
        assert any(re.search(pattern, line) for line in lines), f"$ {command}\nlacks {expected!r}:\n{output}"


def test_the_tutorial_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("VIGIA_API_KEY", "VIGIA__DATA_DIR", "VIGIA__CATALOG_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "300")
    console = Console(tmp_path, monkeypatch)
    commands = 0
    for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        if block["language"] != "console":
            path = tmp_path / re.findall(r"`([\w./]+\.(?:py|yaml))`", block["before"])[-1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block["body"] + "\n")
            continue
        for command, code, shown in steps(block["body"]):
            output, ended = console.run(command)
            assert ended == code, f"$ {command}\nended with {ended}, not {code}:\n{output}"
            assert_shown(shown, output, command)
            commands += 1
    assert commands == 23
