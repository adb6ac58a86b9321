"""What a prediction costs beyond HTTP itself: POST /v1/predict against a null ASGI application, side by side.

All run in processes of their own on the same uvicorn settings; one client takes them in turns, so that whatever else
the machine does meets all alike. LightGBM, 100 trees, 20 features: from the request, and from the embedded SQLite
online store. Scores are checked against the library's own first. The prediction log and its counters are on, tracing is
at 1 %. Prints a table and one line of JSON.

    python -m benchmarks.serving_path [--requests 2000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.online_setup import print_results
from benchmarks.serving_client import Line, latencies, request_bytes
from benchmarks.serving_world import (
    PATH,
    TENANT,
    VIEW,
    bodies,
    inference_app,
    matrix,
    model_text,
    null_app,
    start,
    stop,
    stored_rows,
)

REACH = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="requests to each side")
    requests = min(max(parser.parse_args().requests, 100), 20_000)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        servers = [start(_null), start(_from_request, directory / "request"), start(_from_store, directory / "store")]
        try:
            sides = [
                (Line(port), [request_bytes(PATH, body) for body in bodies(stored=number == 2)])
                for number, (_, port) in enumerate(servers)
            ]
            for line, asked in sides[1:]:
                check_scores(line, asked)
            taken = latencies(sides, requests, warm_up=requests // 10)
        finally:
            stop([process for process, _ in servers])
    null, *ours = (statistics.median(seconds) * 1000 for seconds in taken)
    rows = [
        {
            "figure": figure,
            "p50_ms": round(p50, 3),
            "p99_ms": round(statistics.quantiles(seconds, n=100)[98] * 1000, 3),
            "null_p50_ms": round(null, 3),
            "p50_ratio": round(p50 / null, 2),
            "reach": REACH,
        }
        for figure, p50, seconds in zip(("from the request", "from SQLite"), ours, taken[1:], strict=True)
    ]
    figures = {"request_ratio": rows[0]["p50_ratio"], "store_ratio": rows[1]["p50_ratio"], "rows": rows}
    print_results("one row against a null application", rows, {"benchmark": "serving_path", **figures})


def check_scores(line: Line, asked: list[bytes], rows: int = 200) -> None:
    """Against LightGBM's own bulk predict."""
    import lightgbm as lgb

    expected = lgb.Booster(model_str=model_text()).predict(matrix()[:rows])
    scores = [json.loads(line.ask(each))["score"] for each in asked[:rows]]
    if not np.allclose(scores, np.asarray(expected), rtol=0, atol=1e-6):
        raise SystemExit("the scores are not those of the model")


def _null() -> Any:
    return null_app


def _from_request(directory: Path) -> Any:
    return inference_app(directory, None)


def _from_store(directory: Path) -> Any:
    from platform_core.features.online.sqlite import SqliteOnlineStore

    directory.mkdir()
    online = SqliteOnlineStore(directory / "online.db")
    online.write(TENANT, VIEW, stored_rows())
    return inference_app(directory / "world", online)


if __name__ == "__main__":
    main()
