"""Runs a command, watches what its processes use, and ends it in good order when it takes too long."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 30.0
_SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class WatchedRun:
    stdout: str
    stderr: str
    seconds: float
    peak_bytes: int
    """Sum of the peak resident memory of the process and all it started; 0 where there is no /proc."""

    timed_out: bool


def run_watched(command: Sequence[str], *, timeout: float) -> WatchedRun:
    """After `timeout` seconds it gets SIGTERM and time to end its own processes, then SIGKILL."""
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    memory = _Memory(process.pid)
    timed_out = False
    with memory:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            process.send_signal(signal.SIGTERM)
            try:
                stdout, stderr = process.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                stdout, stderr = process.communicate()
        except BaseException:
            process.terminate()
            process.wait(timeout=STOP_SECONDS)
            raise
    return WatchedRun(stdout, stderr, time.perf_counter() - began, sum(memory.peaks.values()), timed_out)


class _Memory:
    """Samples the kernel's own high-water mark of every process of a family, so that no peak falls between two."""

    def __init__(self, root: int) -> None:
        self.peaks: dict[int, int] = {}
        self._root = root
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            for process in _family(self._root):
                self.peaks[process] = max(self.peaks.get(process, 0), _high_water(process))
            if self._stop.wait(_SAMPLE_SECONDS):
                return


def _family(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue  # ended meanwhile
    found, grown = {root}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def _high_water(process: int) -> int:
    """Bytes (VmHWM of proc_pid_status(5)); 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
