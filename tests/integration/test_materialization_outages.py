"""A store that goes away in the middle, a table that is half-written: named, survived, and mended by running again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.clock import FixedClock
from platform_core.features.leases import SqlLeases
from platform_core.features.materialization import Materializer
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.port import OnlineStore
from platform_core.features.online.redis import RedisOnlineStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.progress import InMemoryProgress
from platform_core.features.ranged import Advance
from platform_core.features.ranges import InMemoryRanges
from tests.fakes.velocity import CATALOG, NOW, Operations, Resources, payments

MINUTE = timedelta(minutes=1)


class OwnRedis:
    """A server of this test's own, to be killed."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory)]
        self._command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the Redis of this test did not start")

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Parts:
    def __init__(self, directory: Path, online: OnlineStore) -> None:
        self.clock = FixedClock(NOW)
        self.offline = DeltaOfflineStore(directory / "offline")
        self.online = online
        self.operations = Operations()
        self.materializer = Materializer(
            CATALOG, self.offline, online, Resources(), self.operations, self.clock, InMemoryProgress(),
            ranges=InMemoryRanges(), checkpoint_s=0.0, chunk_rows=20,
        )  # fmt: skip

    def deliver(self, count: int, tenant: str = "br", since: int = 0) -> None:
        events = [
            {"id": f"e{since + n}", "at": NOW - (200 - since - n) * MINUTE, "card": f"c{n % 3}"} for n in range(count)
        ]
        self.offline.append(f"payments_{tenant}", payments(events, ingested=self.clock.now()))

    def value(self, key: str, tenant: str = "br") -> Any:
        return self.online.read(tenant, [("card_velocity", key)], now=NOW, ttls={})[0].values.get("amount_mean_24h")


@pytest.mark.server
def test_a_redis_killed_in_the_middle_of_a_load(tmp_path: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server: apt-get install redis-server")
    server = OwnRedis(tmp_path)
    online = RedisOnlineStore(server.url)
    parts = Parts(tmp_path, online)
    parts.deliver(100)

    def kill_after_two(advance: Advance) -> None:
        if advance.done == 40:
            server.kill()

    failed = parts.materializer.catch_up("card_velocity", "br", on_chunk=kill_after_two)
    assert failed.status == "failed"
    assert "Redis" in (failed.error or "")
    assert failed.counts == {"taken": 40}
    assert parts.materializer.run("card_velocity", "br").status == "failed", "and the process goes on"
    server.start()
    try:
        mended = parts.materializer.catch_up("card_velocity", "br")
        assert mended.status == "succeeded", mended.error
        assert parts.value("c0") == 10.0
        newest = online.newest_event("br", "card_velocity")
        assert newest == NOW - 101 * MINUTE
        rows = parts.offline.read("features_card_velocity")
        assert len({(r["key"], r["event_ts"]) for r in rows.to_pylist()}) == 100
        assert len(rows) == 100, "the chunk it died in is not there twice"
    finally:
        online.close()
        server.kill()


def broken_log(table: Path) -> None:
    newest = max((table / "_delta_log").glob("*.json"))
    newest.write_text(newest.read_text(encoding="utf-8")[:40], encoding="utf-8")


def missing_file(table: Path) -> None:
    newest = max((table / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in newest.read_text(encoding="utf-8").splitlines()]
    (added,) = (action["add"]["path"] for action in actions if "add" in action)
    (table / added).write_bytes(b"PAR1 and then the disk was full")


@pytest.mark.parametrize("break_it", [broken_log, missing_file])
def test_a_half_written_table_is_named_and_the_others_go_on(tmp_path: Path, break_it: Any) -> None:
    parts = Parts(tmp_path, SqliteOnlineStore(tmp_path / "online.db"))
    for tenant in ("br", "mx"):
        parts.deliver(10, tenant)
        assert parts.materializer.run("card_velocity", tenant).status == "succeeded"
        parts.deliver(10, tenant, since=50)
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path / "offline" / "payments_br", whole)
    break_it(tmp_path / "offline" / "payments_br")
    failed = parts.materializer.run("card_velocity", "br")
    assert failed.status == "failed"
    assert "payments_br" in (failed.error or "")
    assert parts.materializer.run("card_velocity", "mx").status == "succeeded"
    shutil.rmtree(tmp_path / "offline" / "payments_br")
    shutil.copytree(whole, tmp_path / "offline" / "payments_br")
    assert parts.materializer.run("card_velocity", "br").rows == 10


def test_a_lease_database_that_is_gone_fails_the_run_not_the_process(tmp_path: Path) -> None:
    from foundation.database import open_database

    parts = Parts(tmp_path, SqliteOnlineStore(tmp_path / "online.db"))
    parts.deliver(5)
    engine = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    materializer = Materializer(
        CATALOG, parts.offline, parts.online, Resources(), parts.operations, parts.clock, InMemoryProgress(),
        leases=SqlLeases(engine),
    )  # fmt: skip
    run = materializer.run("card_velocity", "br")
    engine.dispose()
    assert run.status == "failed"
    assert "empty.db" in (run.error or "")
