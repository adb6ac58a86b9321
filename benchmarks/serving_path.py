"""What a prediction costs beyond HTTP itself: POST /v1/predict against a null ASGI app, side by side.

Both run in processes of their own on the same uvicorn settings; one client alternates between them, so that whatever
else the machine does meets both alike. Features come from the embedded SQLite online store. Prints one line of JSON:
the ratio of the medians, and the medians in milliseconds for orientation.

    python -m benchmarks.serving_path [--requests 1500]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import socket
import statistics
import tempfile
import time
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

WARM_UP = 100
CARDS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1500, help="requests to each of the two")
    requests = min(parser.parse_args().requests, 20_000)
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        processes, ports = [], []
        for kind in ("null", "predict"):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(kind, Path(directory) / kind, theirs), daemon=True)
            process.start()
            theirs.close()  # so that a server that dies is an end of file here, not a wait
            processes.append(process)
            ports.append(ours.recv())
        try:
            null, predict = _measure(ports, requests)
        finally:
            for process in processes:
                process.terminate()
                process.join()
    p50_null, p50 = statistics.median(null), statistics.median(predict)
    result = {
        "benchmark": "serving_path",
        "p50_ratio": round(p50 / p50_null, 2),
        "p50_ms": round(p50 * 1000, 3),
        "p99_ms": round(statistics.quantiles(predict, n=100)[98] * 1000, 3),
        "null_p50_ms": round(p50_null * 1000, 3),
        "requests": requests,
    }
    print(json.dumps(result))


def _measure(ports: list[int], requests: int) -> tuple[list[float], list[float]]:
    """Seconds per request to the null app and to the inference server, taken in turns."""
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for port in ports]
    for connection in connections:
        connection.connect()
        assert connection.sock is not None
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM_UP + requests):
        body = json.dumps(_request(number))
        for connection, seconds in zip(connections, taken, strict=True):
            started = time.perf_counter()
            connection.request("POST", "/v1/predict/fraud-br", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if number >= WARM_UP:
                seconds.append(time.perf_counter() - started)
            if answer.status != 200:
                raise RuntimeError(f"the server answered {answer.status}")
    for connection in connections:
        connection.close()
    return taken


def _request(number: int) -> dict[str, Any]:
    return {
        "request_id": f"req-{number}",
        "entities": {"card": f"card-{number % CARDS}", "device": f"device-{number % CARDS}"},
        "inputs": {"amount": 20.0 + number % 50, "hour": float(number % 24), "is_online": float(number % 2)},
    }


def _serve(kind: str, directory: Path, pipe: Connection) -> None:
    import uvicorn

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    app = _null_app if kind == "null" else _inference_app(directory)
    pipe.send(listener.getsockname()[1])
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])


async def _null_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Reads the body and answers with one of the same size as a prediction."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"150")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"0" * 150})


def _inference_app(directory: Path) -> Any:
    from foundation.clock import SystemClock
    from foundation.database import metadata, open_database
    from platform_core.features.online.port import FeatureRow
    from platform_core.features.online.sqlite import SqliteOnlineStore
    from platform_core.features.retrieval import OnlineRetriever
    from platform_core.serving.app import create_inference_app
    from tests.fakes.inference import Inference
    from tests.fakes.payments import small_catalog

    directory.mkdir()
    engine = open_database(f"sqlite:///{directory / 'vigia.db'}")
    metadata.create_all(engine)
    clock = SystemClock()
    online = SqliteOnlineStore(directory / "online.db")
    moment = clock.now() - timedelta(minutes=1)
    for view, entity in (("card_velocity", "card"), ("device_risk", "device")):
        rows = [FeatureRow(f"{entity}-{i}", moment, moment, {"tx_count_1h": float(i)}) for i in range(CARDS)]
        online.write("br", view, rows)
    world = Inference(engine, clock, directory / "models")
    catalog = small_catalog()
    return create_inference_app(
        registry=world.registry,
        retriever=OnlineRetriever(catalog, online, clock),
        resources=world.resources,
        catalog=catalog,
        predictions=world.predictions,
        clock=clock,
    )


if __name__ == "__main__":
    main()
