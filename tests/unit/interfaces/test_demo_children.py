"""The demo's processes are on the list, or were never started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from interfaces.demo import children as module
from interfaces.demo.children import Children

ROOT = Path(__file__).parents[3]


class InterruptedPopen(subprocess.Popen[bytes]):
    """A process that the interrupt arrives together with."""

    number = signal.SIGINT
    started: list[subprocess.Popen[bytes]] = []  # noqa: RUF012 - of this test only

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(["sleep", "60"], stdin=subprocess.DEVNULL)
        self.started.append(self)
        os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_between_starting_and_listing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(InterruptedPopen, "number", number)
    monkeypatch.setattr(InterruptedPopen, "started", [])
    monkeypatch.setattr(module.subprocess, "Popen", InterruptedPopen)
    # A job that a shell started in the background ignores SIGINT, and so do these tests then.
    before = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), Children(tmp_path, {}) as children:
            children.start("simulation", ["platform", "simulate"])
    finally:
        signal.signal(number, before)
    assert InterruptedPopen.started[0].poll() is not None


PARENT = """
import os, sys, time
from pathlib import Path
from interfaces.demo import children as module

class Waiting(module.subprocess.Popen):
    def __init__(self, command, **kwargs):
        super().__init__(["sleep", "60"], **kwargs)

module.subprocess.Popen = Waiting
with module.Children(Path(sys.argv[1]), dict(os.environ)) as children:
    children.start("copilot", ["serve"])
    print(children.pids()["copilot"], flush=True)
    time.sleep(60)
"""


def test_a_killed_demo_takes_its_processes_with_it(tmp_path: Path) -> None:
    """The kernel ends them: a demo that is killed cannot."""
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while _runs(child):
        assert time.monotonic() < deadline, "the child outlived the demo"
        time.sleep(0.02)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with module._uninterrupted():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
