"""A real MLflow server on a free loopback port, from its own environment, for the time of a test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOME = Path(os.environ.get("VIGIA_MLFLOW_HOME") or Path(__file__).parents[2] / ".tools" / "mlflow")
_PATIENCE = 120.0


@contextmanager
def mlflow_server(directory: Path, database: Path | None = None) -> Iterator[str]:
    """Its address. `database`: a store that MLflow has made already, which is copied; making one takes seconds."""
    program = HOME / "bin" / "mlflow"
    if not program.exists():
        pytest.skip("MLflow's server is not here: scripts/mlflow-server makes its environment")
    directory.mkdir(parents=True, exist_ok=True)
    store = directory / "server.db"
    if database is not None:
        shutil.copy(database, store)
    port = _free_port()
    command = [program, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{store}", "--artifacts-destination", str(directory / "artifacts")]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            command, env=os.environ | quiet, cwd=directory, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(server, port, directory / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        # With the process that it started to answer.
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"MLflow's server did not start:\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
