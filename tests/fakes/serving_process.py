"""`vigia platform serve` as a process of its own, over a small company in a directory of its own; and callers that keep
asking it, keep connections, and remember everything that was not a right answer."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from foundation.clock import SystemClock
from foundation.database import open_database
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.models import registry_of
from interfaces.principals import PrincipalsFile, make_grant
from interfaces.settings import Settings
from platform_core.catalog.specs import Catalog, Column, Dtype
from platform_core.catalog.store import CatalogStore
from platform_core.features.online.port import FeatureRow
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.serving_policy import ServingPolicy
from platform_core.operations.sql_resources import SqlResources
from tests.fakes.inference import ENDPOINT, payload, small_model
from tests.fakes.payments import SERVICE, small_catalog

CARDS = 20
PATH = "/v1/predict/fraud-br"


@dataclass
class Served:
    """The process, where it answers, and what is right by (version, card)."""

    process: subprocess.Popen[bytes]
    port: int
    key: str
    resources: SqlResources
    scores: dict[tuple[str, str], float]
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self) -> bool:
        with suppress(OSError):
            return self.get("/readyz")[0] == 200
        return False

    def workers(self) -> list[int]:
        """Process ids of the supervisor's children."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def patch(self, **fields: Any) -> None:
        resource = self.resources.get(ENDPOINT)
        self.resources.patch(
            ENDPOINT,
            fields,
            expected_revision=resource.revision,
            idempotency_key=f"patch-{resource.revision}",
            actor="human:alice",
            reason="test",
        )

    def metric(self, name: str) -> float:
        """Over all labels."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def version(self) -> str:
        """That answers on a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            return ask(connection, self.key, "card-1")["model_version"]
        finally:
            connection.close()


def ask(connection: http.client.HTTPConnection, key: str, card: str) -> dict[str, Any]:
    body = json.dumps(payload(card))
    connection.request("POST", PATH, body, {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, (answer.status, content)
    return json.loads(content) | {"closing": answer.getheader("connection") == "close"}


@contextmanager
def served(
    directory: Path, migrated: Path, *, workers: int, drain_seconds: float = 1.0, **more: str
) -> Generator[Served]:
    """Versions 1 and 2 of `fraud_score`, the endpoint on version 1; features of CARDS cards in the SQLite store.
    `more` are environment variables of the process."""
    directory.mkdir(parents=True)
    shutil.copyfile(migrated, directory / "vigia.db")
    settings = Settings(data_dir=directory)
    base = open_foundations(settings)
    clock, catalog = SystemClock(), with_all_columns(small_catalog())
    CatalogStore(base.engine, base.clock, base.audit).apply(catalog, "service:setup")
    registry = registry_of(base)
    for seed in (1, 2):
        registry.register(small_model(seed), "fraud_score", "service:training")
    resources = SqlResources(open_database(settings.database_url), clock, base.audit)
    spec = RolloutSpec(
        model="fraud_score",
        champion="1",
        feature_service=SERVICE,
        serving=ServingPolicy(latency_budget_ms=30_000),  # what is tested here is not how fast this machine is
    )
    resources.create(ENDPOINT, spec, tenant="br", actor="service:setup")
    moment = clock.now() - timedelta(minutes=1)
    online = SqliteOnlineStore(directory / "online.db")
    cards = [FeatureRow(f"card-{n}", moment, moment, {"tx_count_1h": float(n)}) for n in range(CARDS)]
    online.write("br", "card_velocity", cards)
    online.write("br", "device_risk", [FeatureRow("device-1", moment, moment, {"tx_count_1h": 30.0})])
    scores: dict[tuple[str, str], float] = {}
    inputs: Any = payload()["inputs"]
    for version in ("1", "2"):
        model = registry.load("fraud_score", version)
        for n in range(CARDS):
            read = {"card_velocity__tx_count_1h": float(n), "device_risk__tx_count_1h": 30.0}
            scores[version, f"card-{n}"] = float(model.score(model.vector({**read, **inputs}))[0])
    key = PrincipalsFile(settings.principals_file).add("service:checkout", make_grant(["caller"], ["br"]))
    port = _free_port()
    log = directory / "serve.log"
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith("VIGIA__")} | {
        "VIGIA__DATA_DIR": str(directory),
        "VIGIA__SERVING__PORT": str(port),
        "VIGIA__SERVING__CONTROL_TOKEN": "a-control-token-of-length",
        "VIGIA__SERVING__DRAIN_SECONDS": str(drain_seconds),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **more,
    }
    command = [sys.executable, "-m", "interfaces.cli", "platform", "serve", "--workers", str(workers)]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT)
        found = Served(process, port, key, resources, scores, log)
        try:
            wait_until(found.ready, found)
            yield found
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(30)


def with_all_columns(catalog: Catalog) -> Catalog:
    """With every column that its sources must have to be applied."""
    more: dict[str, Dtype] = {"event_ts": "timestamp", "ingested_at": "timestamp"}
    more |= dict.fromkeys(("event_id", "card_id", "device_id"), "string")
    columns = tuple(Column(name=name, dtype=dtype, description=name) for name, dtype in more.items())
    sources = tuple(
        s.model_copy(update={"columns": (*s.columns, *columns), "deployment": None}) for s in catalog.sources
    )
    return catalog.model_copy(update={"sources": sources})


def wait_until(holds: Any, served: Served, within: float = 150) -> None:
    deadline = time.monotonic() + within
    while not holds():
        if served.process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"it did not come to that:\n{served.log.read_text()[-3000:]}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Callers:
    """`count` threads that keep asking over kept connections. A connection that breaks under a question is made again
    and the question asked again, as checkouts do; a caller that is told that the connection ends makes a new one, or
    stops for good when `leaving` is set."""

    served: Served
    count: int
    answered: int = 0
    wrong: list[Any] = field(default_factory=list)
    reset: int = 0
    lost: int = 0
    leaving: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(self.count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def gone(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=20)
        turn = number
        while not self._stop.is_set():
            turn += 1
            told = self._one(connection, f"card-{turn % CARDS}")
            if told is not None and told["closing"]:
                connection.close()
                if self.leaving:
                    return
            time.sleep(0.002)
        connection.close()

    def _one(self, connection: http.client.HTTPConnection, card: str) -> dict[str, Any] | None:
        for attempt in range(3):
            try:
                told = ask(connection, self.served.key, card)
            except (OSError, http.client.HTTPException):
                connection.close()
                with self._lock:
                    self.reset += 1
                    self.lost += attempt == 2
                continue
            except AssertionError as error:
                with self._lock:
                    self.wrong.append(error)
                return None
            with self._lock:
                self.answered += 1
                if abs(told["score"] - self.served.scores[told["model_version"], card]) > 1e-12:
                    self.wrong.append(told)
            return told
        return None
