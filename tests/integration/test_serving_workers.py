"""Several workers on one port, from outside: one is killed under load, versions change, and the whole ends in order."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from tests.fakes.serving_process import Callers, Served, served, wait_until

CALLERS = 6


def test_a_kill_a_rollback_and_the_end_lose_and_mistake_nothing(tmp_path: Path, migrated_database: Path) -> None:
    with served(tmp_path / "data", migrated_database, workers=2, drain_seconds=2) as server:
        wait_until(lambda: server.metric("vigia_serving_workers") == 2, server)
        _metrics_are_those_of_all(server)

        callers = Callers(server, CALLERS)
        callers.start()
        server.patch(champion="2")
        wait_until(lambda: {server.version() for _ in range(12)} == {"2"}, server)
        server.patch(champion="1")
        wait_until(lambda: {server.version() for _ in range(12)} == {"1"}, server)
        assert (callers.reset, callers.wrong) == (0, [])

        victim, survivor = server.workers()
        os.kill(victim, signal.SIGKILL)
        before = callers.answered
        wait_until(lambda: callers.answered > before + 200, server)
        wait_until(lambda: len(server.workers()) == 2 and victim not in server.workers(), server)
        assert survivor in server.workers()
        assert callers.reset <= CALLERS, "only connections that the killed worker held, each once"
        assert (callers.wrong, callers.lost) == ([], 0)
        wait_until(lambda: server.metric("vigia_serving_worker_restarts_total") == 1, server)

        reset, ready = callers.reset, _Watch(server)
        callers.leaving = True
        ready.start()
        server.process.terminate()
        wait_until(lambda: callers.gone, server)
        assert server.process.wait(30) == 0
        ready.join()
        assert 503 in ready.seen
        assert (callers.reset, callers.wrong, callers.lost) == (reset, [], 0)
        assert not Path(f"/proc/{survivor}").exists()


def _metrics_are_those_of_all(server: Served) -> None:
    callers = Callers(server, CALLERS)
    callers.start()
    wait_until(lambda: callers.answered > 60, server)
    callers.stop()
    wait_until(lambda: server.metric("vigia_predictions_total") == callers.answered, server)
    for _ in range(8):  # whichever worker is asked
        assert server.metric("vigia_prediction_latency_seconds_count") == callers.answered


class _Watch(threading.Thread):
    """Asks `/readyz` until nobody answers."""

    def __init__(self, server: Served) -> None:
        super().__init__()
        self._server = server
        self.seen: set[int] = set()

    def run(self) -> None:
        while self._server.process.poll() is None:
            try:
                self.seen.add(self._server.get("/readyz")[0])
            except OSError:
                return
            time.sleep(0.05)
