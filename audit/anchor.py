"""Posts the newest head from time to time to places that the database's owner does not hold.

An anchor is what shows, months later, that a history was rewritten together with everything kept beside it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from audit.checkpoint import parse_note
from foundation.errors import Unavailable

FIRST_ANCHOR = "if it was never used, make it empty; otherwise somebody took it away"


class Anchor(Protocol):
    def post(self, note: str) -> None:
        """Leave the checkpoint `note` where it stays. Raises Unavailable when it was not taken."""
        ...


class FileAnchor(Anchor):
    """Appends to a file, durable when `post` returns.

    It does not make the file: one that is gone was taken away, or its storage is not mounted, and a new one in its
    place would hide that. Whoever sets an anchor up makes it, empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def post(self, note: str) -> None:
        try:
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND), "w", encoding="utf-8") as file:
                file.write(f"{note}\n")
                file.flush()
                os.fsync(file.fileno())
        except FileNotFoundError as error:
            raise Unavailable(f"the anchor {str(self._path)!r} is not there", hint=FIRST_ANCHOR) from error
        except OSError as error:
            raise Unavailable(f"the checkpoint could not be written to {str(self._path)!r}: {error}") from error


class AnchorSchedule:
    """Each anchor is offered every checkpoint, and gets one when `every_seconds` (on the wall) have passed since the
    last one it took and the log has grown. One that fails is tried again with the next offer."""

    def __init__(
        self,
        anchors: Mapping[str, Anchor],
        *,
        every_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._anchors = anchors
        self._every = every_seconds
        self._monotonic = monotonic
        self._posted: dict[str, tuple[float, int]] = {}

    def offer(self, note: str, *, now: bool = False) -> dict[str, Unavailable | None]:
        """What became of each anchor that was due (None: taken). With `now`, all that have not this head are due."""
        size, moment = parse_note(note).size, self._monotonic()
        outcomes: dict[str, Unavailable | None] = {}
        for name, anchor in self._anchors.items():
            at, posted = self._posted.get(name, (0.0, 0))
            if size <= posted or (not now and name in self._posted and moment - at < self._every):
                continue
            try:
                anchor.post(note)
            except Unavailable as error:
                outcomes[name] = error
            else:
                self._posted[name] = (moment, size)
                outcomes[name] = None
        return outcomes
