"""What an evaluation runs is measured whole, and ended in good order."""

from __future__ import annotations

import sys

import pytest

from evals import watched
from evals.scenario import load_scenarios
from evals.scoring import score
from evals.watched import run_watched
from tests.unit.evals.test_eval_scoring import result

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "x = bytearray(200_000_000); import time; time.sleep(1.5)"])
child.wait()
print("done")
"""
STUBBORN = """
import signal, sys, time
def end(*_):
    print("ended its processes", flush=True)
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures by /proc")
def test_the_memory_of_its_children_is_counted() -> None:
    run = run_watched([sys.executable, "-c", FAMILY], timeout=60)
    assert (run.stdout, run.timed_out) == ("done\n", False)
    assert run.peak_bytes > 200_000_000
    assert run.seconds > 1


def test_a_run_that_takes_too_long_may_clean_up() -> None:
    run = run_watched([sys.executable, "-c", STUBBORN], timeout=1.5)
    assert run.timed_out
    assert run.stdout == "ended its processes\n"


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "STOP_SECONDS", 0.3)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    assert run_watched([sys.executable, "-c", deaf], timeout=1.0).timed_out


@pytest.mark.parametrize(
    ("figures", "exceeded"),
    [
        ({"took": 45.0, "memory_gb": 1.6}, ()),
        ({"took": 91.0, "memory_gb": 1.6}, ("story 91 s, limit 90",)),
        ({"took": 45.0, "memory_gb": 3.2}, ("memory 3.2 GB, limit 3",)),
        ({"alert_to_diagnosis": 7.5}, ("alert to diagnosis 7.5 s, limit 5",)),
    ],
)
def test_the_limits_of_the_demo_are_told(figures: dict[str, float], exceeded: tuple[str, ...]) -> None:
    judged = score("unit_change", load_scenarios()["unit_change"], result(), "").model_copy(update=figures)
    assert judged.exceeded == exceeded
    assert judged.model_dump()["exceeded"] == exceeded
    assert judged.outcome == "passed"
