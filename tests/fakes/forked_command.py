"""`vigia …` as a process of its own, forked from one that has imported everything.

Starting an interpreter and importing the libraries takes ten times as long as most commands. Here one process a test
session imports them, starts no thread and forks for each command; the fork has its own environment, directory,
standard streams and exit code, as a process started by a shell has. What a start itself costs, and what it loads, is
asked of real starts (`test_command_line.py`).
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("interfaces.cli", "interfaces.bootstrap")
LIBRARIES = (
    "alembic.command", "deltalake", "duckdb", "fastapi", "httpx", "lightgbm", "polars", "presidio_analyzer", "psycopg",
    "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet", "redis", "rich.table", "sqlalchemy", "uvicorn",
)  # fmt: skip


class Forks:
    """The process that forks, from the asking side."""

    def __init__(self) -> None:
        ours, theirs = os.pipe(), os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(ours[0]), str(theirs[1])],
            cwd=ROOT,
            env={"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(ROOT)},
            pass_fds=(ours[0], theirs[1]),
        )
        os.close(ours[0])
        os.close(theirs[1])
        self._asks, self._answers = os.fdopen(ours[1], "w"), os.fdopen(theirs[0])

    def run(
        self, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdin: str, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with text captured. Raises TimeoutExpired, the command killed."""
        with tempfile.TemporaryDirectory() as place:
            streams = [Path(place) / name for name in ("stdin", "stdout", "stderr")]
            streams[0].write_text(stdin)
            asked = {
                "arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment), "umask": _umask(),
                "streams": [str(path) for path in streams], "timeout": timeout,
            }  # fmt: skip
            self._asks.write(json.dumps(asked) + "\n")
            self._asks.flush()
            answer = json.loads(self._answers.readline())
            if answer["late"]:
                raise subprocess.TimeoutExpired(list(arguments), timeout)
            code = os.waitstatus_to_exitcode(answer["status"])
            out, err = (path.read_text() for path in streams[1:])
            return subprocess.CompletedProcess(list(arguments), code, out, err)

    def close(self) -> None:
        self._asks.close()
        self._answers.close()
        self._process.wait()


@cache
def _forks() -> Forks:
    forks = Forks()
    atexit.register(forks.close)
    return forks


def run_forked(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdin: str = "", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `vigia` with `arguments`; the process that forks is started when first needed and ends with this one."""
    return _forks().run(arguments, cwd=cwd, environment=environment, stdin=stdin, timeout=timeout)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def serve(asks: int, answers: int) -> None:
    """Fork for each line of `asks`, until its end. Returns in a child only, which then is the command."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()
    asked = os.fdopen(asks, "rb", buffering=0)
    while line := asked.readline():
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            asked.close()
            os.close(answers)
            _become(request)
            return
        os.write(answers, json.dumps(_awaited(child, request["timeout"])).encode() + b"\n")
    sys.exit()


def _awaited(child: int, timeout: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return {"late": False, "status": status}
        if time.monotonic() > deadline:
            os.kill(child, 9)
            return {"late": True, "status": os.waitpid(child, 0)[1]}
        time.sleep(0.005)


def _become(request: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    os.umask(request["umask"])
    os.chdir(request["cwd"])
    for number, path in enumerate(request["streams"]):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.modules["__main__"].__package__ = "interfaces.cli"
    sys.argv = [str(ROOT / "interfaces/cli/__main__.py"), *request["arguments"]]


def _command() -> int:
    """The command's exit code, as the interpreter would give it."""
    from interfaces.cli.main import main

    try:
        main()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    return 0


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
    code = _command()
    # What an end in good order does, but for taking apart every module, which takes longer than most commands.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
