"""Features from Redis and a score, over HTTP: ours against Feast with MLflow's pyfunc in FastAPI, one worker each.

LightGBM of 100 trees on 20 features of one card. Ours has authorization by API key, tracing at 1 %, and the prediction
log on; beside it the same without the three, which is what they cost. Scores are checked equal first. How it is
measured: `serving_sides`. Prints a table and one line of JSON.

    python -m benchmarks.serving_redis [--requests 1000] [--seconds 3] [--connections 8] [--rounds 2]
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.online_setup import free_port, print_results, redis_server
from benchmarks.serving_client import request_bytes
from benchmarks.serving_sides import Side, check_equal, measure, options, ours, prepare, running
from benchmarks.serving_world import CARDS, PATH, TENANT, VIEW, bodies, inference_app, matrix, model_text, stored_rows

FEAST = ["feast[redis]==0.67.*", "mlflow-skinny==3.6.*", "lightgbm==4.6.*", "pandas<3", "fastapi", "uvicorn[standard]"]
API_KEY = "vigia_checkout_benchmark-key-that-is-long-enough-to-be-one"
LEAST_P50, LEAST_RATE, MOST_COST = 5.0, 15.0, 1.5


def main() -> None:
    given = options(__doc__)
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
        check_equal(sides)
        measured = measure(sides, given)
    p50, rate = measured.p50_ms, measured.per_second
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


def _own(name: str, directory: Path, url: str, everything: bool) -> AbstractContextManager[Side]:
    headers = {"Authorization": f"Bearer {API_KEY}"} if everything else {}
    asked = [request_bytes(PATH, body, headers) for body in bodies(stored=True)]
    return ours(name, asked, _app, directory, url, everything)


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
