"""Work that comes round again: each chore in its own time, and none of them ends the others by failing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from foundation.errors import VigiaError

_log = logging.getLogger(__name__)

Work = Callable[[], str | None]
"""None when it went well, otherwise what was wrong; it may also raise."""

LONGEST_BACKOFF_S = 300.0


class Stopped(Exception):
    """Raised out of a chore that is asked to end: neither success nor failure."""


@dataclass
class Chore:
    """`every_s`: seconds of the wall from one beginning to the next; twice as long after each failure in a row, up to
    five minutes (or `every_s`, if that is longer)."""

    name: str
    every_s: float
    work: Work
    due: float = field(default=float("-inf"))
    failures: int = 0
    problem: str | None = None

    @property
    def pause(self) -> float:
        return min(self.every_s * 2.0 ** min(self.failures, 16), max(self.every_s, LONGEST_BACKOFF_S))


class Chores:
    """Run by one thread; others may look at `problems` and `failures`."""

    def __init__(self, chores: Iterable[Chore] = (), *, wall: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._chores: dict[str, Chore] = {}
        self.replace(chores)

    def replace(self, chores: Iterable[Chore]) -> None:
        """These from now on, all of them due at once."""
        self._chores = {chore.name: chore for chore in chores}

    @property
    def problems(self) -> dict[str, str]:
        """What fails now, by the chore's name."""
        return {name: chore.problem for name, chore in self._chores.items() if chore.problem is not None}

    @property
    def failures(self) -> dict[str, int]:
        """Failures in a row, of every chore."""
        return {name: chore.failures for name, chore in self._chores.items()}

    def step(self, stop: threading.Event) -> float:
        """Do what is due, until `stop`. Returns the seconds until something is due again."""
        chores = self._chores
        for chore in list(chores.values()):
            if stop.is_set() or chores is not self._chores:
                return 0.0
            began = self._wall()
            if chore.due <= began:
                self._do(chore)
                chore.due = began + chore.pause
        return max(min((chore.due for chore in self._chores.values()), default=0.0) - self._wall(), 0.0)

    def run(self, stop: threading.Event, *, longest_wait_s: float = 1.0) -> None:
        while not stop.is_set():
            stop.wait(min(self.step(stop), longest_wait_s))

    def _do(self, chore: Chore) -> None:
        try:
            problem = chore.work()
        except Stopped:
            return
        except VigiaError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - what nobody foresaw in one view or monitor must not stop the others
            _log.exception("%s failed", chore.name)
            problem = f"{type(error).__name__}: {error}"
        if problem is not None and problem != chore.problem:
            _log.warning("%s failed, goes on in a while: %s", chore.name, problem)
        elif problem is None and chore.problem is not None:
            _log.info("%s works again after %d failures", chore.name, chore.failures)
        chore.failures = 0 if problem is None else chore.failures + 1
        chore.problem = problem
