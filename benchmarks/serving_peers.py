"""One row over HTTP: ours against MLflow's scoring server, BentoML and a null ASGI application, one worker each.

LightGBM of 100 trees on 20 features, all of them in the request. The peers run in environments of their own; scores are
checked equal first. p50: one kept connection, the servers in turns. Requests/s: several connections, one server after
the other, `--rounds` times around. Prints a table and one line of JSON.

    python -m benchmarks.serving_peers [--requests 400] [--seconds 3] [--connections 8] [--rounds 2]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.online_setup import free_port, print_results, wait_for
from benchmarks.peer_environment import peer_python
from benchmarks.serving_client import Line, latencies, request_bytes, throughput
from benchmarks.serving_world import FEATURES, PATH, bodies, inference_app, matrix, model_text, null_app, start, stop

MLFLOW = ["mlflow==3.6.*", "lightgbm==4.6.*", "pandas<3", "uvicorn", "fastapi<0.121", "starlette<1"]
BENTOML = ["bentoml==1.4.*", "lightgbm==4.6.*", "numpy"]
ROWS = 200
REACH = {"mlflow": (20.0, 50.0), "bentoml": (5.0, None), "null": (3.0, None)}
"""Times faster than, by p50 and by requests/s; of the null application, times slower at most."""


@dataclass(frozen=True)
class Side:
    name: str
    port: int
    requests: Sequence[bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="requests to each side, one after the other")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each side is loaded")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        text = directory / "model.txt"
        text.write_text(model_text())
        sides = [
            stack.enter_context(_own("null", _null)),
            stack.enter_context(_own("ours", _ours, directory / "ours")),
            stack.enter_context(_mlflow(text, directory)),
            stack.enter_context(_bentoml(text, directory)),
        ]
        check_equal(sides)
        lines = [(Line(side.port), side.requests) for side in sides]
        taken = latencies(lines, options.requests, warm_up=options.requests // 10)
        rates: dict[str, list[float]] = {side.name: [] for side in sides}
        for _ in range(options.rounds):
            for side in sides:
                rate = throughput(side.port, side.requests, connections=options.connections, seconds=options.seconds)
                rates[side.name].append(rate)
    p50 = {side.name: statistics.median(s) * 1000 for side, s in zip(sides, taken, strict=True)}
    rps = {name: max(found) for name, found in rates.items()}
    rows = [_row(side.name, p50, rps) for side in sides]
    print_results("one row over HTTP, one worker each", rows, {"benchmark": "serving_peers", "rows": rows})


def _row(name: str, p50: dict[str, float], rps: dict[str, float]) -> dict[str, Any]:
    faster = (p50["ours"] / p50[name], rps[name] / rps["ours"])
    if name not in ("null", "ours"):
        faster = (p50[name] / p50["ours"], rps["ours"] / rps[name])
    reach = REACH.get(name, (None, None))
    return {
        "figure": name,
        "p50_ms": round(p50[name], 3),
        "requests_per_s": round(rps[name]),
        "p50_ratio": round(faster[0], 2),
        "requests_ratio": round(faster[1], 2),
        "reach": " / ".join("-" if r is None else f"{r:g}" for r in reach),
    }


def check_equal(sides: Sequence[Side]) -> None:
    import lightgbm as lgb

    expected = np.asarray(lgb.Booster(model_str=model_text()).predict(matrix()[:ROWS]))
    for side in sides[1:]:
        line = Line(side.port)
        scores = [_score(json.loads(line.ask(asked))) for asked in side.requests[:ROWS]]
        if not np.allclose(scores, expected, rtol=0, atol=1e-6):
            raise SystemExit(f"{side.name} does not give the scores of the model")


def _score(answer: Any) -> float:
    if isinstance(answer, dict):
        return float(answer["score"] if "score" in answer else answer["predictions"][0])
    return float(answer[0])


@contextmanager
def _own(name: str, build: Any, *arguments: Any) -> Generator[Side]:
    process, port = start(build, *arguments)
    try:
        yield Side(name, port, [request_bytes(PATH, body) for body in bodies(stored=False)])
    finally:
        stop([process])


def _null() -> Any:
    return null_app


def _ours(directory: Path) -> Any:
    return inference_app(directory, None)


@contextmanager
def _mlflow(text: Path, directory: Path) -> Generator[Side]:
    home = directory / "mlflow"
    home.mkdir()
    python = prepare("mlflow", MLFLOW, text, home)
    port = free_port()
    command = [str(python), "-m", "mlflow", "models", "serve", "-m", str(home / "model"), "--env-manager", "local"]
    asked = [
        json.dumps({"dataframe_split": {"columns": FEATURES, "data": [row]}}).encode() for row in matrix().tolist()
    ]
    with running([*command, "-p", str(port), "-h", "127.0.0.1", "-w", "1"], home, port, within=120):
        yield Side("mlflow", port, [request_bytes("/invocations", body) for body in asked])


@contextmanager
def _bentoml(text: Path, directory: Path) -> Generator[Side]:
    home = directory / "bentoml"
    home.mkdir()
    python = prepare("bentoml", BENTOML, text, home)
    port = free_port()
    command = [str(python), "-m", "bentoml", "serve", "service:Fraud", "--port", str(port), "--host", "127.0.0.1"]
    asked = [json.dumps({"rows": [row]}).encode() for row in matrix().tolist()]
    with running(command, home, port, within=120):
        yield Side("bentoml", port, [request_bytes("/predict", body) for body in asked])


def prepare(kind: str, requirements: list[str], text: Path, home: Path) -> Path:
    """The peer's interpreter, after it has written what it serves into `home`."""
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


if __name__ == "__main__":
    main()
