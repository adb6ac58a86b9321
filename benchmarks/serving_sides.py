"""What the benchmarks of the inference server share: servers side by side, ours and peers in environments of their own,
their scores checked equal, and all asked by the same client.

p50: one kept connection to each, one request at a time, the servers in turns of `serving_client.TURN`: whatever
else the machine does meets all alike, and no request is measured just after another server has emptied the caches.
Requests/s: several connections at once, one server after the other, the best of some rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.online_setup import wait_for
from benchmarks.peer_environment import peer_python
from benchmarks.serving_client import Line, latencies, throughput
from benchmarks.serving_world import matrix, model_text, start, stop

ROWS = 200
"""Scores that are compared first."""


@dataclass(frozen=True)
class Side:
    name: str
    port: int
    requests: Sequence[bytes]


@dataclass(frozen=True)
class Measured:
    """By the side's name: milliseconds, and answers a second."""

    p50_ms: dict[str, float]
    per_second: dict[str, float]


def options(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000, help="requests to each side, one after the other")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each side is loaded")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


def measure(sides: Sequence[Side], given: argparse.Namespace) -> Measured:
    lines = [(Line(side.port), side.requests) for side in sides]
    taken = latencies(lines, given.requests, warm_up=given.requests // 10)
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(given.rounds):
        for side in sides:
            rate = throughput(side.port, side.requests, connections=given.connections, seconds=given.seconds)
            rates[side.name].append(rate)
    p50 = {side.name: statistics.median(seconds) * 1000 for side, seconds in zip(sides, taken, strict=True)}
    return Measured(p50, {name: max(found) for name, found in rates.items()})


def check_equal(sides: Sequence[Side]) -> None:
    """Raises SystemExit for a side that does not give LightGBM's own scores of the first `ROWS` rows."""
    import lightgbm as lgb

    expected = np.asarray(lgb.Booster(model_str=model_text()).predict(matrix()[:ROWS]))
    for side in sides:
        line = Line(side.port)
        scores = [_score(json.loads(line.ask(asked))) for asked in side.requests[:ROWS]]
        if not np.allclose(scores, expected, rtol=0, atol=1e-6):
            raise SystemExit(f"{side.name} does not give the scores of the model")


def _score(answer: Any) -> float:
    if isinstance(answer, dict):
        return float(answer["score"] if "score" in answer else answer["predictions"][0])
    return float(answer[0])


@contextmanager
def ours(name: str, requests: Sequence[bytes], build: Any, *arguments: Any) -> Generator[Side]:
    """What `build` makes of `arguments`, in a process of its own."""
    process, port = start(build, *arguments)
    try:
        yield Side(name, port, requests)
    finally:
        stop([process])


def prepare(kind: str, requirements: list[str], text: Path, home: Path) -> Path:
    """The peer's interpreter, after it has written what it serves into `home`."""
    home.mkdir()
    python = peer_python({"feast": "feast-pyfunc"}.get(kind, kind), requirements)
    script = Path(__file__).with_name("serving_peer.py")
    subprocess.run([str(python), str(script), kind, str(text), str(home)], check=True, env=peer_environment(python))
    return python


def peer_environment(python: Path) -> dict[str, str]:
    """Without ours on its path; with its own programs first, and nothing sent anywhere."""
    kept = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV") and not k.startswith("VIGIA__")
    }
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    traps = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return kept | quiet | traps | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


@contextmanager
def running(command: list[str], home: Path, port: int, *, within: float) -> Generator[None]:
    """A server in a session of its own, so that what it starts ends with it."""
    log = home / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=peer_environment(Path(command[0])),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        try:
            wait_for(port, within=within)
        except RuntimeError as error:
            raise SystemExit(f"{command[:4]} did not start:\n{log.read_text()[-2000:]}") from error
        yield
    finally:
        os.killpg(process.pid, 15)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
        shutil.rmtree(home, ignore_errors=True)
