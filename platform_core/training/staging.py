"""Writing a version's files so that a crash leaves all of them or none: beside, flushed, then renamed into place.

What is beside is locked by its writer (flock), so that what a dead one left can be told from what a live one is at.
Every write takes away what the dead have left of the same model, and says so in the log.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from foundation.errors import Unavailable
from foundation.ids import new_id

_log = logging.getLogger(__name__)
_SUFFIX = ".partial"


class Staged:
    """Files on the disk under a name that nobody reads."""

    def __init__(self, partial: Path, place: Path) -> None:
        self._partial = partial
        self._place = place
        self.in_the_way: Path | None = None

    def publish(self) -> None:
        """The whole directory into its place. What is there belongs to a registration that never committed: it is moved
        away, and removed at the end. Raises Unavailable."""
        try:
            if self._place.exists():
                self.in_the_way = self._partial.with_name(f".{self._place.name}.{new_id('left')}{_SUFFIX}")
                self._place.rename(self.in_the_way)
            self._partial.rename(self._place)
            sync_directory(self._place.parent)
        except OSError as error:
            raise Unavailable(f"the model cannot be stored at {str(self._place)!r}: {error}") from error

    def put(self) -> None:
        """Each file into the directory that is there, in place of the one of its name. Raises Unavailable."""
        try:
            for path in sorted(self._partial.iterdir()):
                path.replace(self._place / path.name)
            sync_directory(self._place)
        except OSError as error:
            raise Unavailable(f"the model at {str(self._place)!r} cannot be signed: {error}") from error


@contextmanager
def staged_files(place: Path, files: Mapping[str, bytes]) -> Generator[Staged]:
    """`files` flushed to the disk beside `place`, and taken away again when not published. Raises Unavailable."""
    try:
        _made(place.parent)
        partial, lock = _locked(place)
    except OSError as error:
        raise Unavailable(f"the model cannot be stored at {str(place)!r}: {error}") from error
    staged = Staged(partial, place)
    try:
        try:
            _write(partial, files)
        except OSError as error:
            raise Unavailable(f"the model cannot be stored at {str(place)!r}: {error}") from error
        yield staged
        if staged.in_the_way is not None:
            _log.warning("%s was in the way, left by a registration that was cut off: removed", place)
            shutil.rmtree(staged.in_the_way, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def sync_directory(directory: Path) -> None:
    """That its names survive a power cut, not only the content of its files. Raises OSError."""
    handle = _opened(directory)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _made(directory: Path) -> None:
    """With its parents, each on the disk under its name: what is flushed into one that a power cut takes is lost."""
    if not directory.exists():
        _made(directory.parent)
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = directory / name
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.chmod(0o444)
    sync_directory(directory)


def _locked(place: Path) -> tuple[Path, int]:
    """A directory of our own beside `place`, and the handle that keeps it ours as long as it is open. Leftovers are
    taken away first, under a lock of all: a directory that was made and not locked yet is no leftover."""
    parent = _opened(place.parent)
    try:
        with suppress(OSError):  # a file system without locks: what is left there stays
            fcntl.flock(parent, fcntl.LOCK_EX)
            _take_away_leftovers(place.parent)
        partial = place.with_name(f".{place.name}.{new_id('new')}{_SUFFIX}")
        partial.mkdir()
        handle = _opened(partial)
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        return partial, handle
    finally:
        os.close(parent)


def _take_away_leftovers(parent: Path) -> None:
    for partial in parent.glob(f".*{_SUFFIX}"):
        handle = _opened(partial)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # somebody is at it
        else:
            _log.warning("%s was left by a registration that was cut off: removed", partial)
            shutil.rmtree(partial, ignore_errors=True)
        finally:
            os.close(handle)


def _opened(directory: Path) -> int:
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
