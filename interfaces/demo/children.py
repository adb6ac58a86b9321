"""The demo's processes: started, watched, and always stopped, by their process ids."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from foundation.errors import Unavailable

NEEDED_BY = {
    "VIGIA__SERVING__CONTROL_TOKEN": {"serving", "worker"},
    "VIGIA__SIMULATION__TOKEN": {"simulation"},
    "VIGIA__SIMULATION__SERVING_KEY": {"simulation"},
    "VIGIA__ALERTS__": {"simulation", "copilot"},
    "VIGIA__CONSOLE__SESSION_SECRET": {"copilot"},
    "VIGIA__LLM__": {"copilot", "worker"},
    "VIGIA__SLACK__": {"copilot", "worker"},
}
"""Settings that are or hold secrets, by their beginning, and the processes that get them. The rest is everybody's."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends the demo in good order: Ctrl-C, a stop, a closed terminal."""

STOP_SECONDS = 8.0
LAST_LINES = 15


@dataclass(frozen=True)
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stream: IO[bytes]


def environment_of(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The part of `environment` that the process called `name` needs."""
    kept_from = tuple(prefix for prefix, names in NEEDED_BY.items() if name not in names)
    return {variable: value for variable, value in environment.items() if not variable.upper().startswith(kept_from)}


def heeded(number: signal.Signals) -> bool:
    """False where the signal is ignored on purpose, as under nohup."""
    return signal.getsignal(number) is not signal.SIG_IGN


class Children:
    """A context: whatever happens inside, no process is left behind."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._children: list[Child] = []

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """`vigia <arguments>` with its output in `<name>.log`."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        stream = log.open("ab")
        with _uninterrupted():
            # A session of its own: Ctrl-C reaches us only, and we end them in order.
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "interfaces.cli", *arguments],
                env=environment_of(name, self._environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_ends_with_parent(),  # noqa: PLW1509 - one system call
            )
            self._children.append(Child(name, process, log, stream))

    def check(self) -> None:
        """Raises Unavailable with the last lines of the log of a process that has ended."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                lines = child.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
                said = "\n    ".join(lines) or "(it said nothing)"
                raise Unavailable(f"the {child.name} process ended with exit code {code}:\n    {said}")

    def pids(self) -> dict[str, int]:
        return {child.name: child.process.pid for child in self._children}

    def stop(self) -> None:
        """SIGTERM to all, last started first; SIGKILL to those that are still there after a while."""
        for child in reversed(self._children):
            child.process.terminate()
        for child in reversed(self._children):
            try:
                child.process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            child.stream.close()
        self._children.clear()

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        with _uninterrupted():
            self.stop()


def _ends_with_parent() -> Callable[[], None] | None:
    """On Linux: the process gets SIGTERM when we end, even if we are killed and cannot stop it ourselves.

    What runs between fork and exec is one system call of a library that is loaded before (PR_SET_PDEATHSIG, prctl(2)).
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        prctl(1, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # we ended before it was tied to us
            os._exit(1)

    return tie


@contextmanager
def _uninterrupted() -> Generator[None]:
    """What ends the demo takes effect at the end of this: a process that was started and is not yet on the
    list would be left behind, and so would the rest of the list when its stopping is broken off."""
    arrived: list[int] = []

    def later(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)

    before = {number: signal.signal(number, later) for number in ENDING if heeded(number)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if arrived:
        raise KeyboardInterrupt
