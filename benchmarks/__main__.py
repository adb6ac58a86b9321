"""Every benchmark by one command, and what they measured in one table.

    python -m benchmarks                list them
    python -m benchmarks policy approvals
    python -m benchmarks --all          one after the other: ratios are only worth something on an idle machine
    python -m benchmarks --all --json   one JSON line per benchmark, as each printed it

Each runs in a process of its own with its defaults and prints its figures as one JSON line; the last of them is kept.
Exit code 0 when all ran, 1 when one failed or said nothing, 2 for a name that does not exist.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 1800


@dataclass(frozen=True)
class Ran:
    """What came of a benchmark. `figures` is its JSON line; `problem` why there is none."""

    name: str
    seconds: float
    figures: dict[str, Any]
    problem: str | None = None


def runners(directory: Path = HERE) -> dict[str, str]:
    """Name and first line of each module whose docstring says how to run it; parts of another runner are not one."""
    said = {
        path.stem: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "" for path in _files(directory)
    }
    found = {name: text.splitlines()[0] for name, text in said.items() if f"python -m benchmarks.{name}" in text}
    return {n: line for n, line in found.items() if not any(n.startswith(f"{other}_") for other in found)}


def run(name: str, *, cwd: Path = HERE.parent, timeout: float = TIMEOUT_SECONDS) -> Ran:
    """Run it with its defaults; its own words go to stderr as they come."""
    started = time.perf_counter()
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Ran(name, timeout, {}, f"no end within {timeout:.0f} s")
    seconds = time.perf_counter() - started
    sys.stderr.write(done.stdout)
    if done.returncode != 0:
        return Ran(name, seconds, {}, f"exit code {done.returncode}")
    figures = json_line(done.stdout)
    return Ran(name, seconds, figures or {}, None if figures else "printed no JSON line")


def json_line(output: str) -> dict[str, Any] | None:
    """The last line that is a JSON object."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                return value
    return None


def report(ran: list[Ran], console: Console) -> None:
    table = Table(title="benchmarks", title_justify="left")
    for column in ("benchmark", "seconds", "figure", "value"):
        table.add_column(column, overflow="fold")
    for each in ran:
        rows = [(each.problem or "", "")] if each.problem else list(_flat(each.figures))
        for at, (figure, value) in enumerate(rows):
            table.add_row(each.name if at == 0 else "", f"{each.seconds:.0f}" if at == 0 else "", figure, value)
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="which to run; none lists them")
    parser.add_argument("--all", action="store_true", help="run every one")
    parser.add_argument("--json", action="store_true", help="print their JSON lines instead of a table")
    arguments = parser.parse_args()
    known = runners()
    wrong = [name for name in arguments.names if name not in known]
    if wrong:
        close = get_close_matches(wrong[0], known, n=1)
        parser.error(f"no benchmark {wrong[0]!r}" + (f"; did you mean {close[0]}?" if close else ""))
    if not arguments.names and not arguments.all:
        for name, line in known.items():
            print(f"{name:<16} {line}")
        return 0
    ran: list[Ran] = []
    for name in known if arguments.all else arguments.names:
        ran.append(run(name))
        if arguments.json:
            print(json.dumps({"benchmark": name, **ran[-1].figures, "problem": ran[-1].problem}), flush=True)
    if not arguments.json:
        report(ran, Console())
    return 1 if any(each.problem for each in ran) else 0


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob("*.py") if not path.stem.startswith("_"))


def _flat(figures: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Figures by their names, those within others as `a.b`."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif name != "benchmark":
            yield f"{before}{name}", f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
