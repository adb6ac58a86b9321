"""`vigia platform run` as a process of its own, on the tutorial's catalog: features, alerts, a new catalog, an end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest

from interfaces.bootstrap.foundations import open_foundations
from interfaces.settings import load_settings
from platform_core.catalog.loading import load_catalog
from platform_core.catalog.store import CatalogStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from tests.fakes.alerting_servers import free_ports

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-of-the-receiver"


class Receiver:
    """A webhook that takes what Alertmanager posts; (alertname, status, subject, token) of each alert."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str, str | None]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                token = self.headers.get("Authorization")
                receiver.heard += [
                    (a["labels"]["alertname"], a["status"], a["labels"]["subject"], token) for a in body["alerts"]
                ]
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/alerts"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tutorial's catalog over a payments file whose newest event is half an hour old."""
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(entities:.*?)```", page, re.S)
    assert found is not None
    for directory in ("catalog", "data"):
        (tmp_path / directory).mkdir()
    (tmp_path / "catalog" / "payments.yaml").write_text(found[1], encoding="utf-8")
    now = datetime.now(UTC)
    write_payments(tmp_path, [now - timedelta(minutes=30 + 60 * n) for n in range(48)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "vigia"))
    monkeypatch.setenv("VIGIA__CATALOG_PATH", str(tmp_path / "catalog"))
    return tmp_path


def pay(home: Path) -> None:
    """One payment more, in the file written anew."""
    before = pyarrow.parquet.read_table(home / "data" / "payments.parquet")["event_ts"].to_pylist()
    write_payments(home, [*before, datetime.now(UTC)])


def write_payments(home: Path, events: list[datetime]) -> None:
    """As whoever owns the file does it: a new one in the place of the old."""
    times = pa.timestamp("us", "UTC")
    rows = {
        "event_id": [f"p{at.isoformat()}" for at in events],
        "event_ts": pa.array(events, times),
        "ingested_at": pa.array(events, times),
        "card_id": ["c1"] * len(events),
        "amount": [10.0] * len(events),
    }
    pyarrow.parquet.write_table(pa.table(rows), home / "data" / "payments.new")
    (home / "data" / "payments.new").rename(home / "data" / "payments.parquet")


@contextmanager
def running(home: Path, receiver: Receiver) -> Generator[tuple[subprocess.Popen[bytes], str]]:
    (port,) = free_ports(1)
    fast = dict.fromkeys(("MATERIALIZE_SECONDS", "MONITOR_SECONDS", "RELOAD_SECONDS", "TIDY_SECONDS"), "0.2")
    own = {**fast, "PORT": str(port), "WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": SECRET}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **{f"VIGIA__RUN__{k}": v for k, v in own.items()}}
    command = [sys.executable, "-m", "interfaces.cli", "platform", "run"]
    with (home / "run.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], Any], home: Path) -> None:
    limit = time.monotonic() + 30
    while not true():
        assert time.monotonic() < limit, (home / "run.log").read_text()[-4000:]
        time.sleep(0.2)


def ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def value(home: Path, feature: str) -> object:
    """Of card c1, as it is online."""
    store = SqliteOnlineStore(home / "vigia" / "online.db")
    keys = [("card_velocity", "c1")]
    (row,) = store.read("br", keys, now=datetime.now(UTC), ttls={"card_velocity": timedelta(hours=24)})
    return row.values.get(feature)


def end(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=20)


def test_a_catalog_of_ones_own_is_run(home: Path, receiver: Receiver) -> None:
    view = "urn:vigia:feature_view:card_velocity"
    with running(home, receiver) as (process, address):
        until(lambda: ready(address), home)
        assert httpx.get(f"{address}/livez", trust_env=False).text == "ok\n"
        until(lambda: value(home, "tx_count_24h") == 24, home)
        until(lambda: receiver.heard, home)
        assert receiver.heard[0] == ("Freshness", "firing", view, f"Bearer {SECRET}")
        shown = httpx.get(f"{address}/metrics", trust_env=False).text
        assert 'vigia_feature_freshness_lag_seconds{tenant="br",view="card_velocity"}' in shown
        assert 'vigia_platform_chore_failures{chore="card_velocity of br"} 0.0' in shown

        pay(home)  # the value moves, the alert ends
        until(lambda: value(home, "tx_count_24h") == 25, home)
        until(lambda: ("Freshness", "resolved", view, f"Bearer {SECRET}") in receiver.heard, home)

        apply_a_longer_sla(home)
        until(lambda: "vigia_catalog_version 1.0" in httpx.get(f"{address}/metrics", trust_env=False).text, home)
        assert end(process) == 0

    with running(home, receiver) as (process, address):
        until(lambda: ready(address), home)
        pay(home)
        until(lambda: value(home, "tx_count_24h") == 26, home)
        assert end(process) == 0
    assert "Traceback" not in (home / "run.log").read_text()


def apply_a_longer_sla(home: Path) -> None:
    file = home / "catalog" / "payments.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("freshness_sla: 10m", "freshness_sla: 20m"))
    base = open_foundations(load_settings())
    CatalogStore(base.engine, base.clock, base.audit).apply(load_catalog(home / "catalog"), "human:ana")
    base.engine.dispose()
