"""`vigia demo` and its processes: a healthy platform stays quiet, and Ctrl-C leaves nothing running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def start(data: Path, *arguments: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIGIA")}
    return subprocess.Popen(
        [sys.executable, "-m", "interfaces.cli", "demo", "--json", "--data-dir", str(data), *arguments],
        env=kept | {"PYTHONPATH": str(ROOT)},
        cwd=data.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(data: Path) -> list[int]:
    """Process ids of everything that works on the data directory, as the kernel tells."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue  # ended meanwhile, or somebody else's
        if f"VIGIA__DATA_DIR={data}\0".encode() in environment:
            found.append(int(process.name))
    return found


def test_a_healthy_platform_raises_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    said, complaints = start(data, "--fault", "none").communicate(timeout=280)
    told = json.loads(said.splitlines()[-1])
    assert told["alerts"] == []
    assert told["incidents"] == []
    assert told["diagnosis"] is None
    assert told["proposal"] is None
    assert told["audit"]["verified"]
    assert "as it should" in complaints
    assert children(data) == []


def test_an_interrupt_leaves_no_process_behind(tmp_path: Path) -> None:
    data = tmp_path / "data"
    demo = start(data)
    deadline = time.monotonic() + 200
    while len(children(data)) < 4:
        assert demo.poll() is None, demo.communicate()
        assert time.monotonic() < deadline, "the demo did not start its four processes"
        time.sleep(0.2)
    demo.send_signal(signal.SIGINT)
    said, _ = demo.communicate(timeout=60)
    assert demo.returncode not in (0, None)
    assert said == "", "there is no story to tell"
    assert children(data) == []
