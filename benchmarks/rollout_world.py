"""A served platform to roll out on: `vigia platform serve` with several workers, features in a Redis of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx
import numpy as np

from benchmarks.online_setup import free_port
from benchmarks.serving_world import (
    ENDPOINT,
    FEATURES,
    SERVICE,
    TENANT,
    VIEW,
    catalog,
    matrix,
    model_text,
    signature,
    stored_rows,
)
from foundation.database import transaction
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.models import registry_of
from interfaces.settings import Settings
from platform_core.access.principals import Environment
from platform_core.catalog.specs import Catalog, Column
from platform_core.catalog.store import CatalogStore
from platform_core.features.online.redis import RedisOnlineStore
from platform_core.operations.control_client import ControlClient
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.serving_policy import ServingPolicy
from platform_core.operations.sql_resources import SqlResources
from platform_core.training.moves import move
from platform_core.training.types import Stage, TrainedModel

TOKEN = "control-token-of-the-load-test"
ENVIRONMENT: Environment = "staging"
"""In production only versions that came through the gates may answer, and there are none here."""

URN = f"urn:vigia:endpoint:{ENDPOINT}"
VERSIONS = ("1", "2")


class World:
    """`url` serves; `scores[version][n]` is what card n must get. A context: everything it started ends with it."""

    def __init__(self, directory: Path, *, workers: int, cards: int) -> None:
        self.directory = directory
        self.cards = cards
        self._redis_port, self._port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._redis: subprocess.Popen[bytes] | None = None
        self._serving: subprocess.Popen[bytes] | None = None
        self._workers = workers
        self.scores: dict[str, np.ndarray] = {}
        self.control = ControlClient(self.url, TOKEN)

    def __enter__(self) -> Self:
        try:
            self.start_redis()
            self._prepare()
            self._start_serving()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()
        for process in (self._serving, self._redis):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "VIGIA__ENVIRONMENT": ENVIRONMENT,
            "VIGIA__DATA_DIR": str(self.directory / "data"),
            "VIGIA__SERVING__PORT": str(self._port),
            "VIGIA__SERVING__CONTROL_TOKEN": TOKEN,
            "VIGIA__ONLINE__KIND": "redis",
            "VIGIA__ONLINE__URL": f"redis://127.0.0.1:{self._redis_port}/0",
        }

    def start_redis(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise SystemExit("redis-server is not installed (apt-get install redis-server)")
        keep = ["--dir", str(self.directory), "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        command = [program, "--port", str(self._redis_port), "--bind", "127.0.0.1", *keep]
        self._redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _until(lambda: _listens(self._redis_port), "Redis")

    def stop_redis(self) -> None:
        if self._redis is not None:
            self._redis.send_signal(signal.SIGTERM)
            self._redis.wait(timeout=10)

    def kill_worker(self) -> int:
        """SIGKILL to one of them; its pid."""
        victim = self.worker_pids()[0]
        os.kill(victim, signal.SIGKILL)
        return victim

    def worker_pids(self) -> list[int]:
        parent = self._serving.pid if self._serving else 0
        found: list[int] = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                found.append(int(stat.parent.name))
        return sorted(found)

    def waiting(self) -> set[str]:
        """Names of the directories in which workers keep what waits; one is gone when another worker took it over."""
        return {path.name for path in (self.directory / "data" / "serving" / "predictions").iterdir()}

    def stop_serving(self) -> None:
        if self._serving is not None:
            self._serving.send_signal(signal.SIGTERM)
            self._serving.wait(timeout=30)

    def metric(self, name: str) -> float:
        """The sum over its labels, of all workers."""
        text = httpx.get(f"{self.url}/metrics", trust_env=False, timeout=10).text
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))

    def settings(self) -> Settings:
        return Settings.model_validate(
            {
                "environment": ENVIRONMENT,
                "data_dir": self.directory / "data",
                "serving": {"port": self._port, "control_token": TOKEN},
                "online": {"kind": "redis", "url": f"redis://127.0.0.1:{self._redis_port}/0"},
            }
        )

    def _prepare(self) -> None:
        import lightgbm as lgb

        base = open_foundations(self.settings())
        registry = registry_of(base)
        whole = lgb.Booster(model_str=model_text(stored=True))
        for number, trees in zip(VERSIONS, (100, 40), strict=True):
            text = whole.model_to_string(num_iteration=trees)
            registry.register(TrainedModel(text, signature(stored=True)), "fraud", "service:benchmark")
            self.scores[number] = np.asarray(lgb.Booster(model_str=text).predict(matrix()[: self.cards]))
        _say_they_passed(base)
        applied = CatalogStore(base.engine, base.clock, base.audit, environment=ENVIRONMENT)
        applied.apply(_catalog(), "service:benchmark")
        spec = RolloutSpec(
            model="fraud",
            champion="1",
            feature_service=SERVICE,
            serving=ServingPolicy(latency_budget_ms=2000, fallback=("last_known_good",)),
        )
        resources = SqlResources(base.engine, base.clock, base.audit)
        resources.create(URN, spec, tenant=TENANT, environment=ENVIRONMENT, actor="service:benchmark")
        store = RedisOnlineStore(f"redis://127.0.0.1:{self._redis_port}/0", clock=base.clock)
        store.write(TENANT, VIEW, stored_rows()[: self.cards])
        store.close()
        base.engine.dispose()

    def _start_serving(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VIGIA")}
        root = str(Path(__file__).parents[1])
        command = [sys.executable, "-m", "interfaces.cli", "platform", "serve", "--workers", str(self._workers)]
        with (self.directory / "serving.log").open("wb") as log:
            environment = {**kept, **self.environment, "PYTHONPATH": root}
            self._serving = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        _until(self._ready, "the inference server", seconds=90)

    def _ready(self) -> bool:
        if self._serving is None or self._serving.poll() is not None:
            raise SystemExit((self.directory / "serving.log").read_text()[-2000:])
        try:
            ready = httpx.get(f"{self.url}/readyz", trust_env=False, timeout=2).is_success
        except httpx.HTTPError:
            return False
        return ready and len(self.worker_pids()) == self._workers


def _catalog() -> Catalog:
    """The benchmarks', with the columns of its source: it is applied here, as anybody's would be."""
    known = catalog(stored=True)
    times = [Column(name=name, dtype="timestamp", description="") for name in ("event_ts", "ingested_at")]
    numbers = [Column(name=name, dtype="float64", description="") for name in FEATURES]
    card = Column(name="card_id", dtype="string", pii="quasi", description="")
    source = known.sources[0].model_copy(update={"columns": (*times, card, *numbers)})
    return known.model_copy(update={"sources": (source,)})


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def _say_they_passed(base: Foundations) -> None:
    """Both versions have been in production, as the control plane asks of champions; gates are not what is measured."""
    ways: tuple[tuple[str, tuple[Stage, ...]], ...] = (
        ("2", ("staging", "production", "staging")),
        ("1", ("staging", "production")),
    )
    with transaction(base.engine) as connection:
        for version, stages in ways:
            for stage in stages:
                move(connection, base.audit, "fraud", version, stage, actor="service:benchmark", at=base.clock.now())


def _until(holds: object, what: str, *, seconds: float = 20) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come up within {seconds:g} s")
        time.sleep(0.05)
