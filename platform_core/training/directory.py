"""Reading a directory that may have been tampered with: no link is followed, nothing larger than expected is read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from foundation.errors import Conflict, Unavailable

AGAIN = "do not serve it; register the model again from its training run"


class DirectoryReader:
    """Of one open directory. `what` is named in errors."""

    def __init__(self, directory: Path, handle: int, what: str) -> None:
        self._directory = directory
        self._handle = handle
        self._what = what

    def names(self) -> list[str]:
        return os.listdir(self._handle)  # noqa: PTH208 - of the directory that is open, not of a path

    def read(self, name: str, limit: int) -> bytes:
        """All of the regular file `name`, which may have `limit` bytes. Raises Conflict for anything else, OSError."""
        path = str(self._directory / name)
        if "/" in name or name in ("", ".", ".."):
            raise Conflict(f"{self._what} names a file {name!r}", hint=AGAIN)
        try:
            # Not blocking: what is no file (a pipe) would otherwise hold us up.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            handle = os.open(name, flags, dir_fd=self._handle)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Conflict(f"{path!r} is a symbolic link", hint=AGAIN) from error
            raise
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Conflict(f"{path!r} is no regular file", hint=AGAIN)
            content = file.read(limit + 1)
        if len(content) > limit:
            raise Conflict(f"{path!r} was altered: it has {status.st_size} bytes, at most {limit} belong", hint=AGAIN)
        return content


@contextmanager
def reading_directory(directory: Path, what: str) -> Generator[DirectoryReader]:
    """Raises Conflict for a link or a file in its place, Unavailable when it or a file of it cannot be read."""
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Conflict(f"{str(directory)!r} is no directory, or a link to one", hint=AGAIN) from error
        raise Unavailable(
            f"the directory of {what} cannot be read: {error}", hint="restore it, or register the model again"
        ) from error
    try:
        yield DirectoryReader(directory, handle, what)
    except OSError as error:
        raise Unavailable(f"a file of {what} cannot be read: {error}") from error
    finally:
        os.close(handle)


Fingerprint = tuple[tuple[str, int, int, int, int], ...]
"""Of a directory and of each file in it: name, inode, size, and when content and inode were changed last. A change by
whomever shows in the last, which no program can set."""


def fingerprint(directory: Path, what: str) -> Fingerprint:
    """Raises Unavailable when it cannot be read."""
    try:
        entries = [(entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(directory)]
        all_of_it = [(".", directory.stat()), *sorted(entries, key=lambda entry: entry[0])]
    except OSError as error:
        raise Unavailable(
            f"the directory of {what} cannot be read: {error}", hint="restore it, or register the model again"
        ) from error
    return tuple((name, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in all_of_it)
