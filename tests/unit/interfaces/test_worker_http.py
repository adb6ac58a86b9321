"""The worker's own endpoint, and what it counts."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from foundation.clock import FixedClock
from foundation.errors import InvalidInput
from foundation.telemetry import metrics
from interfaces.bootstrap.worker_http import serving_metrics
from interfaces.http.services import ReadinessCheck
from tests.fakes.incident_room import open_room


def counted(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_an_incident_is_counted_where_it_happens_and_scraped_from_the_worker(tmp_path: Path, clock: FixedClock) -> None:
    before = counted(metrics.render().decode())
    room = open_room(tmp_path, clock)
    room.inbox.receive([room.alert()])
    room.settle()
    room.approve()
    room.settle()
    room.settle()  # nothing is counted twice
    room.engine.dispose()
    with serving_metrics("127.0.0.1", 0) as address:
        answer = httpx.get(f"{address}/metrics")
        assert httpx.get(f"{address}/livez").text == "ok\n"
        assert httpx.get(f"{address}/secrets").status_code == 404
        assert httpx.post(f"{address}/metrics").status_code == 501
    assert answer.headers["content-type"].startswith("text/plain")
    after = counted(answer.text)

    def grown(name: str, *labels: str) -> float:
        return after[name, labels] - before.get((name, labels), 0.0)

    for status in ("open", "investigating", "awaiting_approval", "mitigating", "mitigated"):
        assert grown("vigia_incidents_total", status) == 1, status
    assert grown("vigia_approvals_total", "approved") == 1
    assert grown("vigia_executions_total", "succeeded", "restart_connector") == 1
    assert grown("vigia_diagnosis_seconds_count") == 1


def test_the_worker_says_what_it_lacks() -> None:
    checks = [ReadinessCheck(name="database", ok=True, detail="sqlite")]
    with serving_metrics("127.0.0.1", 0, lambda: checks) as address:
        answer = httpx.get(f"{address}/readyz")
        assert (answer.status_code, answer.text) == (200, "ok: database: sqlite\n")
        checks.append(ReadinessCheck(name="audit log", ok=False, detail="locked"))
        answer = httpx.get(f"{address}/readyz")
        assert (answer.status_code, answer.text.splitlines()[1]) == (503, "not ready: audit log: locked")


def test_a_round_of_the_workers_loop_is_dated(tmp_path: Path, clock: FixedClock) -> None:
    room, stop, began = open_room(tmp_path, clock), threading.Event(), time.time()
    working = threading.Thread(target=room.worker.run, args=(stop,))
    working.start()
    name, deadline = "vigia_worker_last_round_timestamp_seconds", time.monotonic() + 10
    while counted(metrics.render().decode())[name, ()] < began:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stop.set()
    working.join(timeout=10)
    room.engine.dispose()


def test_without_a_port_nobody_listens() -> None:
    with serving_metrics("127.0.0.1", None) as address:
        assert address is None


def test_an_address_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(InvalidInput, match="cannot listen on"),
            serving_metrics("127.0.0.1", taken.getsockname()[1]),
        ):
            pass
