"""What the online benchmarks share: the catalog, the rows, a Redis of their own, and Feast in its own process."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from benchmarks.peer_environment import peer_python
from platform_core.access.principals import Principal
from platform_core.catalog.specs import Catalog, DataSource, Entity, Feature, FeatureService, FeatureView

FEAST = ["feast[redis]==0.67.*"]
FEATURES = [f"f{i}" for i in range(10)]
ENTITIES = 1000
TENANT, VIEW, SERVICE = "br", "stats", "bench"
CALLER = Principal(id="service:benchmark", name="", roles=frozenset({"viewer"}), tenants=frozenset({TENANT}))


def catalog() -> Catalog:
    day = timedelta(days=1)
    view = FeatureView(
        name=VIEW,
        entity="card",
        sources=("payments",),
        features=tuple(Feature(name=f) for f in FEATURES),
        ttl=day,
        freshness_sla=day,
        latency_sla=timedelta(milliseconds=20),
        owner="",
        channel="",
        description="",
    )
    service = FeatureService(name=SERVICE, features=tuple(f"{VIEW}:{f}" for f in FEATURES), owner="", description="")
    return Catalog(
        entities=(Entity(name="card", join_keys=("card_id",), description=""),),
        sources=(DataSource(name="payments", tenant=TENANT, table="payments", columns=(), owner=""),),
        feature_views=(view,),
        feature_services=(service,),
    )


def frame(entities: int, turn: int) -> pd.DataFrame:
    """The same rows as `feast_online.frame`."""
    columns: dict[str, Any] = {"card_id": [f"card-{i}" for i in range(entities)]}
    for place, feature in enumerate(FEATURES):
        columns[feature] = [i * 10.0 + place + turn / 8 for i in range(entities)]
    moment = pd.Timestamp(datetime.now(UTC))
    return pd.DataFrame({**columns, "event_ts": moment, "created_ts": moment})


def feature_table(given: pd.DataFrame) -> pa.Table:
    columns = {
        str(name): column.array if name in {"event_ts", "created_ts"} else column.to_numpy()
        for name, column in given.items()
    }
    columns["key"] = columns.pop("card_id")
    return pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})


def keys(count: int) -> list[str]:
    return [f"card-{i * 7 % ENTITIES}" for i in range(1, count + 1)]


def timed(call: Callable[[], object], times: int) -> list[float]:
    seconds: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return seconds


def milliseconds(seconds: list[float]) -> float:
    """The median."""
    return statistics.median(seconds) * 1000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def redis_server(directory: Path) -> Generator[int]:
    """Its port; the server ends with the block."""
    port = free_port()
    options = f"--port {port} --bind 127.0.0.1 --appendonly no --dir {directory}".split()
    process = subprocess.Popen(["redis-server", *options, "--save", ""], stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, within: float = 60) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


class Feast:
    """Feast in its own environment and process, asked line by line."""

    def __init__(self, directory: Path, connection: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        script = Path(__file__).with_name("feast_online.py")
        self.python = peer_python("feast", FEAST)
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [str(self.python), str(script), str(directory), connection],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self._answer()

    def write(self, entities: int, turns: list[int]) -> list[float]:
        return self._ask(do="write", entities=entities, turns=turns)["seconds"]

    def write_and_cpu(self, entities: int, turns: list[int]) -> tuple[list[float], list[float]]:
        """Seconds of the wall, and of the processor."""
        answer = self._ask(do="write", entities=entities, turns=turns)
        return answer["seconds"], answer["cpu"]

    def read(self, asked: list[str], times: int) -> list[float]:
        return self._ask(do="read", keys=asked, times=times)["seconds"]

    def values(self, asked: list[str]) -> list[list[float]]:
        return self._ask(do="values", keys=asked)["values"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError("Feast's process ended; see its messages above")


def print_results(title: str, results: list[dict[str, Any]], document: dict[str, Any]) -> None:
    """A table for people, then one line of JSON."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in results[0]:
        table.add_column(name.replace("_", " "), justify="left" if name == "figure" else "right")
    for result in results:
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in result.values()))
    Console(width=120).print(table)
    print(json.dumps(document))
