"""One row over HTTP: ours against MLflow's scoring server, BentoML and a null ASGI application, one worker each.

LightGBM of 100 trees on 20 features, all of them in the request. The peers run in environments of their own; scores are
checked equal first. How it is measured: `serving_sides`. Prints a table and one line of JSON.

    python -m benchmarks.serving_peers [--requests 1000] [--seconds 3] [--connections 8] [--rounds 2]
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.online_setup import free_port, print_results
from benchmarks.serving_client import request_bytes
from benchmarks.serving_sides import Measured, Side, check_equal, measure, options, ours, prepare, running
from benchmarks.serving_world import FEATURES, PATH, bodies, inference_app, matrix, model_text, null_app

MLFLOW = ["mlflow==3.6.*", "lightgbm==4.6.*", "pandas<3", "uvicorn", "fastapi<0.121", "starlette<1"]
BENTOML = ["bentoml==1.4.*", "lightgbm==4.6.*", "numpy"]
REACH = {"mlflow": (20.0, 50.0), "bentoml": (5.0, None), "null": (3.0, None)}
"""Times faster than, by p50 and by requests/s; of the null application, times slower at most."""


def main() -> None:
    given = options(__doc__)
    asked = [request_bytes(PATH, body) for body in bodies(stored=False)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        text = directory / "model.txt"
        text.write_text(model_text())
        null, *sides = [
            stack.enter_context(ours("null", asked, _null)),
            stack.enter_context(ours("ours", asked, _ours, directory / "ours")),
            stack.enter_context(_mlflow(text, directory)),
            stack.enter_context(_bentoml(text, directory)),
        ]
        check_equal(sides)
        measured = measure([null, *sides], given)
    rows = [_row(side.name, measured) for side in (null, *sides)]
    print_results("one row over HTTP, one worker each", rows, {"benchmark": "serving_peers", "rows": rows})


def _row(name: str, measured: Measured) -> dict[str, Any]:
    p50, rps = measured.p50_ms, measured.per_second
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


def _null() -> Any:
    return null_app


def _ours(directory: Path) -> Any:
    return inference_app(directory, None)


@contextmanager
def _mlflow(text: Path, directory: Path) -> Generator[Side]:
    home = directory / "mlflow"
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
    python = prepare("bentoml", BENTOML, text, home)
    port = free_port()
    command = [str(python), "-m", "bentoml", "serve", "service:Fraud", "--port", str(port), "--host", "127.0.0.1"]
    asked = [json.dumps({"rows": [row]}).encode() for row in matrix().tolist()]
    with running(command, home, port, within=120):
        yield Side("bentoml", port, [request_bytes("/predict", body) for body in asked])


if __name__ == "__main__":
    main()
