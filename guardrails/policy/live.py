"""The policy that is in force now: it follows its file, and a file that cannot be used changes nothing.

A new file comes into force only together with its entry in the audit log. One that is malformed, or gone, or whose
adoption cannot be recorded, is refused: the last good policy stays, and why is logged, audited and shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from foundation.errors import VigiaError
from foundation.telemetry.logs import get_logger
from guardrails.policy.policy import Policy

log = get_logger(__name__)

Adopt = Callable[[Policy, Path], None]
"""Records that a policy comes into force; raises Unavailable when it cannot (`PolicyRecorder.adopted`)."""

Refused = Callable[[Path, str], None]
"""Records that a file was refused, and why. Must not raise (`PolicyRecorder.refused`)."""

_Stamp = tuple[int, int, int]


class LivePolicy:
    """Raises InvalidInput when the file is not usable at the start: there is no last good one to fall back on."""

    def __init__(self, path: Path, *, adopt: Adopt, refused: Refused) -> None:
        self._path = path
        self._adopt = adopt
        self._refused = refused
        self._lock = threading.Lock()
        self._stamp = _stamp(path)
        self._policy = Policy.load(path)
        self._problem: str | None = None
        adopt(self._policy, path)

    @property
    def problem(self) -> str | None:
        """Why the file as it is now is not in force; None when it is."""
        self.current()
        return self._problem

    def current(self) -> Policy:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            with self._lock:
                if stamp != self._stamp:
                    self._reload(stamp)
        return self._policy

    def _reload(self, stamp: _Stamp | None) -> None:
        try:
            policy = Policy.load(self._path)
            if policy.digest != self._policy.digest:
                self._adopt(policy, self._path)
        except VigiaError as error:
            if self._problem != error.message:
                log.warning("policy file refused; the last good one stays in force", reason=error.message)
                self._refused(self._path, error.message)
            self._problem = error.message
            if error.code == "unavailable":
                return  # not the file's fault: the same file is tried again at the next question
        else:
            self._policy, self._problem = policy, None
        self._stamp = stamp


def _stamp(path: Path) -> _Stamp | None:
    """Changes with the file, also when an editor replaces it; None when it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
