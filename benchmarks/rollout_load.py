"""Traffic that never stops, while versions are rolled out and back, a worker is killed and the store restarts.

    python -m benchmarks.rollout_load [--seconds 3] [--workers 2] [--connections 8]

Counts answers that were lost (none within ten seconds, with the retries that any client makes of a connection that was
reset or a 503) and that were wrong: another score than the version's own for that card, another version in the log than
the one that the answer named, or, once the workers follow a change (the newest answers are all by the version that the
spec says, which they get ten seconds for), any answer by a version that must not answer that card. Until then answers
more than a second after the change are counted as late, a figure of the machine. Then the same of the log: every answer
is in it, but for as many as were counted as lost with the killed worker.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

from benchmarks.rollout_world import URN, World
from benchmarks.serving_world import ENDPOINT, PATH
from foundation.errors import Unavailable
from foundation.ids import new_id
from interfaces.bootstrap.platform import offline_store
from platform_core.operations.resources import RolloutSpec
from platform_core.serving.prediction_log import DeltaPredictionLog
from platform_core.serving.rollout import choose
from platform_core.serving.rollouts import states
from platform_core.serving.rollouts.halting import Brake

PATIENCE = 10.0
EFFECT = 1.0
"""Seconds after which an answer by the version that was before is late."""

NEWEST = 40
"""Answers that show that the workers follow: several of every connection, to cards that had another version before."""

_LONGEST_LINE = 20
"""Requests on one connection: the workers share them only as they are opened."""


@dataclass(frozen=True, slots=True)
class Answered:
    request_id: str
    card: int
    sent: float
    took: float
    version: str
    score: float
    retries: int
    fallback: bool


@dataclass
class Traffic:
    """`connections` clients, each with one request on its way at all times."""

    world: World
    connections: int
    pause: float = 0.005
    answers: list[Answered] = field(default_factory=list[Answered])
    lost: list[str] = field(default_factory=list[str])
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list[threading.Thread])

    def start(self) -> None:
        for number in range(self.connections):
            thread = threading.Thread(target=self._ask, args=(number,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=PATIENCE + 5)

    def _ask(self, number: int) -> None:
        port = int(self.world.url.rpartition(":")[2])
        line, count = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE), 0
        while not self._stop.wait(self.pause):
            count += 1
            if count % _LONGEST_LINE == 0:
                line.close()
            card, request = (count * 7 + number * 13) % self.world.cards, f"{number}-{count}"
            body = json.dumps({"request_id": request, "entities": {"card": f"card-{card}"}, "inputs": {}})
            began, retries = time.monotonic(), 0
            while True:
                sent = time.monotonic()
                answer = _post(line, body)
                if answer is not None:
                    break
                retries += 1
                line.close()
                if time.monotonic() - began > PATIENCE:
                    break
                time.sleep(0.02)
            if answer is None:
                self.lost.append(request)
                continue
            took = time.monotonic() - began
            fallback = answer.get("fallback") is not None
            self.answers.append(
                Answered(request, card, sent, took, answer["model_version"], answer["score"], retries, fallback)
            )
        line.close()


def _post(line: http.client.HTTPConnection, body: str) -> dict[str, Any] | None:
    """None for what a client tries again: a connection that broke, an answer of 503."""
    try:
        line.request("POST", PATH, body, {"Content-Type": "application/json"})
        response = line.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException):
        return None
    if response.status == 503:
        return None
    if response.status != 200:
        raise RuntimeError(f"the server answered {response.status}: {content[:300]!r}")
    return json.loads(content)


@dataclass
class Phase:
    """What was done, from `starts` to `began`, and the spec that decides from then on; by `follows` all workers keep to
    it (`never`: not within our patience). `telling`: the cards that another version answers than before; all, where
    none is."""

    name: str
    starts: float
    spec: RolloutSpec
    began: float
    telling: frozenset[int]
    follows: float = float("inf")
    never: bool = False


def drive(world: World, *, seconds: float, connections: int) -> dict[str, Any]:
    """All phases, one after the other, under traffic. Returns the counts."""
    traffic, phases = Traffic(world, connections), list[Phase]()

    def phase(name: str, change: Callable[[], object]) -> None:
        starts = time.monotonic()
        change()
        spec, began = _spec(world), time.monotonic()
        phases.append(
            now := Phase(name, starts, spec, began, _telling(phases[-1].spec if phases else spec, spec, world))
        )
        try:
            _wait(lambda: _follow(traffic, now), PATIENCE)
        except TimeoutError:
            now.never = True
        now.follows = time.monotonic()
        time.sleep(seconds)

    def restart_store() -> None:
        world.stop_redis()
        time.sleep(min(1.0, seconds))
        world.start_redis()

    def kill() -> None:
        world.kill_worker()
        with suppress(TimeoutError):
            _wait(lambda: len(world.worker_pids()) == len(before), 30)

    phase("champion only", traffic.start)
    before, waiting = world.worker_pids(), world.waiting()
    try:
        phase("canary 30 %", lambda: _patch(world, states.start(_spec(world), "2", percent=30)))
        phase("canary 50 %", lambda: _patch(world, states.advance(_spec(world), 50)))
        phase("halted", lambda: Brake(world.control).halt(ENDPOINT, actor="human:ana", reason="load test"))
        phase("let go on", lambda: _patch(world, states.resume(_spec(world), 50)))
        phase("a worker killed", kill)
        phase("the store restarted", restart_store)
        phase("promoted", lambda: _patch(world, states.promote(_spec(world))))
        phase("rolled back", lambda: _patch(world, states.roll_back(_spec(world))))
        # The worker in the killed one's place says what that one lost, once it is up.
        _wait(lambda: not waiting <= world.waiting(), 90)
        time.sleep(1)
        lost_rows = world.metric("vigia_prediction_log_lost")
        dropped = world.metric("vigia_prediction_log_dropped")
    finally:
        traffic.stop()
        world.stop_serving()
    return _counts(world, traffic, phases, lost_rows=int(lost_rows), dropped=int(dropped))


def _follow(traffic: Traffic, phase: Phase) -> bool:
    told = [a for a in traffic.answers if a.sent > phase.began and a.card in phase.telling]
    return len(told) >= NEWEST and all(_is_right(a, phase) for a in told[-NEWEST:])


def _telling(before: RolloutSpec, after: RolloutSpec, world: World) -> frozenset[int]:
    cards = range(world.cards)
    return frozenset(c for c in cards if _expected(before, c) != _expected(after, c)) or frozenset(cards)


def _is_right(answer: Answered, phase: Phase) -> bool:
    return answer.version == _expected(phase.spec, answer.card)


def _counts(world: World, traffic: Traffic, phases: list[Phase], *, lost_rows: int, dropped: int) -> dict[str, Any]:
    wrong = [a for a in traffic.answers if abs(a.score - world.scores[a.version][a.card]) > 1e-9]
    misled: list[Answered] = []
    before: list[Answered] = []
    for phase, after in zip_longest(phases, phases[1:]):
        ends = float("inf") if after is None else after.starts
        if after is not None and after.spec == phase.spec:  # a kill or a restart is no excuse
            ends = after.follows
        others = [a for a in traffic.answers if not _is_right(a, phase)]
        misled += [a for a in others if phase.follows <= a.sent and a.sent + a.took < ends]
        before += [a for a in others if phase.began + EFFECT <= a.sent < phase.follows]
    logged = _logged(world)
    named = sum(logged[a.request_id] != a.version for a in traffic.answers if a.request_id in logged)
    missing = sum(a.request_id not in logged for a in traffic.answers)
    took = sorted(a.took for a in traffic.answers)
    return {
        "answers": len(traffic.answers),
        "lost": len(traffic.lost),
        "wrong": len(wrong) + named + len(misled) + sum(phase.never for phase in phases),
        "late": len(before),
        "retried": sum(a.retries > 0 for a in traffic.answers),
        "by_fallback": sum(a.fallback for a in traffic.answers),
        "p50_ms": round(1000 * took[len(took) // 2], 2),
        "p99_ms": round(1000 * took[len(took) * 99 // 100], 2),
        "longest_ms": round(1000 * took[-1], 2),
        "seconds_to_follow": {p.name: round(p.follows - p.began, 3) for p in phases[1:]},
        "logged": len(logged),
        "missing_in_log": missing,
        "counted_as_lost": lost_rows + dropped,
    }


def _logged(world: World) -> dict[str, str]:
    """The version that the log names, by request."""
    now = datetime.now(UTC)
    log = DeltaPredictionLog(offline_store(world.settings()))
    rows = log.read_whole(now - timedelta(hours=1), now + timedelta(minutes=1), columns=("request_id", "model_version"))
    return dict(zip(rows["request_id"].to_pylist(), rows["model_version"].to_pylist(), strict=True))


def _expected(spec: RolloutSpec, card: int) -> str:
    chosen = choose(ENDPOINT, spec, f"card-{card}")
    return spec.canary if chosen == "canary" and spec.canary is not None else spec.champion


def _spec(world: World) -> RolloutSpec:
    for attempt in range(3):
        try:
            spec = world.control.get(URN).spec
        except Unavailable:  # the connection was the killed worker's
            if attempt == 2:
                raise
            continue
        if isinstance(spec, RolloutSpec):
            return spec
    raise TypeError(f"{URN} is no endpoint")


def _patch(world: World, fields: states.Fields) -> None:
    revision = world.control.get(URN).revision
    world.control.patch(
        URN, fields, expected_revision=revision, idempotency_key=new_id("load"), actor="human:ana", reason="load test"
    )


def _wait(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def main() -> None:
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3.0, help="of every phase, beside the second to settle")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--cards", type=int, default=200)
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        World(Path(directory), workers=chosen.workers, cards=chosen.cards) as world,
    ):
        counts = drive(world, seconds=chosen.seconds, connections=chosen.connections)
    table = Table("figure", "value", title="rollouts, kills and restarts under load", title_justify="left")
    for name, value in counts.items():
        table.add_row(name, json.dumps(value))
    Console().print(table)
    print(json.dumps({"benchmark": "rollout_load", **counts}))
    if counts["lost"] or counts["wrong"] or counts["missing_in_log"] > counts["counted_as_lost"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
