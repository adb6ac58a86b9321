"""The demo's processes are on the list, or were never started."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from interfaces.demo import children as module
from interfaces.demo.children import Children


class InterruptedPopen(subprocess.Popen[bytes]):
    """A process that the interrupt arrives together with."""

    started: list[subprocess.Popen[bytes]] = []  # noqa: RUF012 - of this test only

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(["sleep", "60"], stdin=subprocess.DEVNULL)
        self.started.append(self)
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_between_starting_and_listing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.subprocess, "Popen", InterruptedPopen)
    with pytest.raises(KeyboardInterrupt), Children(tmp_path, {}) as children:
        children.start("simulation", ["platform", "simulate"])
    assert InterruptedPopen.started[0].poll() is not None
