"""Online features over HTTP: ours against `feast serve`, 100 rows x 10 floats, one worker each, on the same Redis.

    python -m benchmarks.online_http [--requests 400]

Feast 0.67 serves from its own environment; we serve `create_features_app` on uvicorn in a process of its own, with API
keys checked. Both answer JSON with values, statuses and event times over one kept connection. They are asked in turns
of `serving_client.TURN` requests, so that neither is measured with the caches that the other has just left; the values
are checked to be equal before anything is timed. `cpu` is what the server spent per request, which a busy machine does
not change. Prints a table and one line of JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.online_setup import (
    CALLER,
    ENTITIES,
    FEATURES,
    SERVICE,
    TENANT,
    VIEW,
    Feast,
    catalog,
    feature_table,
    frame,
    free_port,
    keys,
    milliseconds,
    print_results,
    redis_server,
    wait_for,
)
from benchmarks.online_store import NoAudit
from benchmarks.serving_client import TURN
from foundation.clock import SystemClock
from foundation.http_protocol import OneWriteProtocol
from platform_core.features.online.redis import RedisOnlineStore

API_KEY = "benchmark-key"
LEAST = 15.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="requests to each side")
    rounds = max(4, parser.parse_args().requests // TURN)
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as redis_port:
        directory = Path(name)
        feast = Feast(directory / "feast", f"127.0.0.1:{redis_port},db=1")
        feast.write(ENTITIES, [0])
        feast.close()
        store = RedisOnlineStore(f"redis://127.0.0.1:{redis_port}/0")
        store.write_table(TENANT, VIEW, feature_table(frame(ENTITIES, 0)))
        ports = (free_port(), free_port())
        peer = start_feast(feast.python, directory / "feast", ports[1])
        ours = multiprocessing.get_context("spawn").Process(target=serve, args=(redis_port, ports[0]), daemon=True)
        ours.start()
        try:
            for port in ports:
                wait_for(port)
            measure(ports, 2)
            pids = (ours.pid, peer.pid)
            before = [cpu_seconds(pid) for pid in pids]
            mine, theirs = measure(ports, rounds)
            asked = rounds * TURN + 1
            cpu = [(cpu_seconds(pid) - was) / asked * 1000 for pid, was in zip(pids, before, strict=True)]
        finally:
            ours.terminate()
            ours.join()
            peer.terminate()
            peer.wait()
    speedup = round(milliseconds(theirs) / milliseconds(mine), 2)
    figures = {
        "ours_ms": round(milliseconds(mine), 3),
        "feast_ms": round(milliseconds(theirs), 3),
        "speedup": speedup,
        "ours_cpu_ms": round(cpu[0], 3),
        "feast_cpu_ms": round(cpu[1], 3),
        "cpu_ratio": round(cpu[1] / cpu[0], 2),
    }
    row = {"figure": "http_100_rows", **figures, "reach": LEAST}
    print_results(
        "online features over HTTP, 100 rows x 10, medians",
        [row],
        {"benchmark": "online_http", "http_100_rows": figures},
    )


def measure(ports: tuple[int, int], rounds: int) -> tuple[list[float], list[float]]:
    asked = keys(100)
    question = {"features": SERVICE, "tenant": TENANT, "entity_rows": {"card_id": asked}}
    to_feast = {"feature_service": SERVICE, "entities": {"card_id": asked}, "full_feature_names": False}
    sides = (
        Side(ports[0], "/v1/features/online", question, {"Authorization": f"Bearer {API_KEY}"}),
        Side(ports[1], "/get-online-features", to_feast, {}),
    )
    check_equal(*(json.loads(side.ask()) for side in sides))
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for side, seconds in zip(sides, taken, strict=True):
            for _ in range(TURN):
                started = time.perf_counter()
                side.ask()
                if number:  # the first turn warms up
                    seconds.append(time.perf_counter() - started)
    return taken


class Side:
    """A server over one kept connection, spoken to without a client library: what that takes is neither server's.
    `ask`: from the request's first byte to the answer's last."""

    def __init__(self, port: int, path: str, question: dict[str, Any], headers: dict[str, str]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = json.dumps(question).encode()
        named = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items()), "", ""]
        self._request = "\r\n".join(lines).encode() + body

    def ask(self) -> bytes:
        self._socket.sendall(self._request)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head = received[:end].decode().split("\r\n")
        lengths = [line.partition(":")[2] for line in head if line.lower().startswith("content-length:")]
        if head[0].split()[1] != "200" or not lengths:
            raise SystemExit(f"not the answer that was expected: {received[:400]!r}")
        parts = [received[end + 4 :]]
        left = int(lengths[0]) - len(parts[0])
        while left > 0:
            parts.append(self._receive())
            left -= len(parts[-1])
        return b"".join(parts)

    def _receive(self) -> bytes:
        received = self._socket.recv(1 << 18)
        if not received:
            raise SystemExit("the server went away")
        return received


def check_equal(ours: dict[str, Any], feast: dict[str, Any]) -> None:
    names = feast["metadata"]["feature_names"]
    theirs = {name: feast["results"][names.index(name)]["values"] for name in FEATURES}
    mine = {name: ours["values"][f"{VIEW}__{name}"] for name in FEATURES}
    if mine != theirs or None in mine["f0"]:
        raise SystemExit(f"the two sides do not return the same values: {mine['f0'][:3]} and {theirs['f0'][:3]}")


def cpu_seconds(pid: int | None) -> float:
    """Of a server and its workers so far: what other processes on the machine do not change."""
    spent = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if str(pid) in {stat.parent.name, fields[1]}:
            spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def start_feast(python: Path, directory: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"FEAST_USAGE": "False"}
    command = [str(python.with_name("feast")), "serve", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return subprocess.Popen(
        [*command, "--no-access-log", "--registry_ttl_sec", "86400"],
        cwd=directory,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def serve(redis_port: int, port: int) -> None:
    import uvicorn

    from interfaces.http.features import create_features_app
    from platform_core.access.directory import PrincipalDirectory, PrincipalGrant
    from platform_core.access.tenancy import TenantGuard
    from platform_core.features.online.redis_asked import AskedRedis
    from platform_core.features.retrieval import OnlineRetriever

    store = RedisOnlineStore(f"redis://127.0.0.1:{redis_port}/0", clock=SystemClock())
    asked = AskedRedis(f"redis://127.0.0.1:{redis_port}/0")
    retriever = OnlineRetriever(catalog(), store, SystemClock(), guard=TenantGuard(NoAudit()), asked=asked)
    grant = PrincipalGrant(**CALLER.model_dump(), api_key_sha256=hashlib.sha256(API_KEY.encode()).hexdigest())
    app = create_features_app(retriever, PrincipalDirectory([grant]))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, http=OneWriteProtocol)


if __name__ == "__main__":
    main()
