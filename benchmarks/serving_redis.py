"""Features from Redis and a score, over HTTP: ours against Feast with MLflow's pyfunc in FastAPI, one worker each.

LightGBM of 100 trees on 20 features of one card. Ours has authorization by API key, tracing at 1 %, and the prediction
log on; beside it the same without the three, which is what they cost. Scores are checked equal first. p50: one kept
connection, the servers in turns; requests/s: several connections, one server after the other. Prints a table and one
line of JSON.

    python -m benchmarks.serving_redis [--requests 400] [--seconds 3] [--connections 8] [--rounds 2]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.online_setup import free_port, print_results, redis_server
from benchmarks.serving_client import Line, latencies, request_bytes, throughput
from benchmarks.serving_peers import Side, check_equal, prepare, running
from benchmarks.serving_world import (
    CARDS,
    PATH,
    TENANT,
    VIEW,
    bodies,
    inference_app,
    matrix,
    model_text,
    start,
    stop,
    stored_rows,
)

FEAST = ["feast[redis]==0.67.*", "mlflow-skinny==3.6.*", "lightgbm==4.6.*", "pandas<3", "fastapi", "uvicorn[standard]"]
API_KEY = "vigia_checkout_benchmark-key-that-is-long-enough-to-be-one"
LEAST_P50, LEAST_RATE, MOST_COST = 5.0, 15.0, 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="requests to each side, one after the other")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each side is loaded")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        redis_port = stack.enter_context(redis_server(directory))
        url = f"redis://127.0.0.1:{redis_port}/0"
        _fill(url)
        text = directory / "model.txt"
        text.write_text(model_text())
        sides = [
            stack.enter_context(_own("bare", directory / "bare", url, False)),
            stack.enter_context(_own("ours", directory / "ours", url, True)),
            stack.enter_context(_feast(text, directory, redis_port)),
        ]
        check_equal([sides[0], *sides])
        lines = [(Line(side.port), side.requests) for side in sides]
        taken = latencies(lines, options.requests, warm_up=options.requests // 10)
        rates: dict[str, list[float]] = {side.name: [] for side in sides}
        for _ in range(options.rounds):
            for side in sides:
                asked, at_once = side.requests, options.connections
                rates[side.name].append(throughput(side.port, asked, connections=at_once, seconds=options.seconds))
    p50 = {side.name: statistics.median(s) * 1000 for side, s in zip(sides, taken, strict=True)}
    rate = {name: max(found) for name, found in rates.items()}
    rows: list[dict[str, Any]] = [
        {
            "figure": "ours to Feast + pyfunc",
            "p50_ms": round(p50["ours"], 3),
            "other_p50_ms": round(p50["feast"], 3),
            "p50_ratio": round(p50["feast"] / p50["ours"], 2),
            "requests_per_s": round(rate["ours"]),
            "other_requests_per_s": round(rate["feast"]),
            "requests_ratio": round(rate["ours"] / rate["feast"], 2),
            "reach": f"{LEAST_P50:g} / {LEAST_RATE:g}",
        },
        {
            "figure": "cost of access, traces, log",
            "p50_ms": round(p50["ours"], 3),
            "other_p50_ms": round(p50["bare"], 3),
            "p50_ratio": round(p50["ours"] / p50["bare"], 2),
            "requests_per_s": round(rate["ours"]),
            "other_requests_per_s": round(rate["bare"]),
            "requests_ratio": round(rate["bare"] / rate["ours"], 2),
            "reach": f"{MOST_COST:g} at most",
        },
    ]
    print_results("features from Redis and a score", rows, {"benchmark": "serving_redis", "rows": rows})


def _fill(url: str) -> None:
    from platform_core.features.online.redis import RedisOnlineStore

    store = RedisOnlineStore(url)
    store.write(TENANT, VIEW, stored_rows())
    store.close()


@contextmanager
def _own(name: str, directory: Path, url: str, everything: bool) -> Generator[Side]:
    process, port = start(_app, directory, url, everything)
    headers = {"Authorization": f"Bearer {API_KEY}"} if everything else {}
    try:
        yield Side(name, port, [request_bytes(PATH, body, headers) for body in bodies(stored=True)])
    finally:
        stop([process])


def _app(directory: Path, url: str, everything: bool) -> Any:
    from foundation.telemetry.traces import configure_traces
    from platform_core.access.directory import PrincipalDirectory, parse_grant
    from platform_core.access.endpoints import EndpointAccess
    from platform_core.access.keys import key_digest
    from platform_core.features.online.redis import RedisOnlineStore
    from platform_core.features.online.redis_asked import AskedRedis

    store, asked = RedisOnlineStore(url), AskedRedis(url)
    if not everything:
        return inference_app(directory, store, asked=asked, log=False, traced_share=0.0)
    configure_traces("benchmark")
    grant = {
        "id": "service:checkout",
        "name": "Checkout",
        "roles": ["caller"],
        "tenants": [TENANT],
        "api_key_sha256": key_digest(API_KEY).hex(),
    }
    access = EndpointAccess(PrincipalDirectory([parse_grant(grant, 1)]))
    return inference_app(directory, store, asked=asked, access=access)


@contextmanager
def _feast(text: Path, directory: Path, redis_port: int) -> Generator[Side]:
    home = directory / "feast"
    home.mkdir()
    python = prepare("feast", FEAST, text, home)
    rows = directory / "rows.json"
    rows.write_text(json.dumps(matrix().tolist()))
    port = free_port()
    script = Path(__file__).with_name("serving_feast_app.py")
    command = [str(python), str(script), str(home), f"127.0.0.1:{redis_port},db=1", str(port), str(rows)]
    asked = [json.dumps({"request_id": f"req-{n}", "card": f"card-{n}"}).encode() for n in range(CARDS)]
    with running(command, home, port, within=120):
        yield Side("feast", port, [request_bytes("/predict", body) for body in asked])


if __name__ == "__main__":
    main()
