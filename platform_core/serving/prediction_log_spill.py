"""Where predictions wait while the offline store does not take them, and how one learns what a killed worker lost.

Each worker has a directory of its own, held by a lock that the system lets go when the process ends, however it ends.
In it lie batches as Arrow IPC files, and `count`: how many rows were accepted and how many are safe (appended, or in a
file here), in memory that the kernel keeps when the process is killed. A batch is safe once file and directory are on
the disk (fsync), and a row is counted before it is taken: whenever a worker is killed, the count says too much rather
than too little. The next worker to start takes over the directories that nobody holds: it appends their batches, and
what was accepted and is not safe was lost: that many, and said so.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import IO

import pyarrow as pa

from foundation.errors import Unavailable
from foundation.ids import new_id

_COUNT = struct.Struct("<qq")
_LOCK = "lock"
_log = logging.getLogger(__name__)


class Spill:
    """The directory of this worker below `root`, at most `limit_bytes` of waiting batches."""

    def __init__(self, root: Path, *, limit_bytes: int = 256 * 1024 * 1024) -> None:
        self._root = root
        self._limit = limit_bytes
        self._broken = 0
        root.mkdir(parents=True, exist_ok=True)
        name = new_id("wrk")
        self.path = root / name
        # Under its own name only once it is locked: a worker that starts at the same time would take it for left.
        making = root / f".{name}"
        making.mkdir()
        (making / _LOCK).touch()
        self._lock = _held(making)
        making.rename(self.path)
        _sync(root)
        counted = (self.path / "count").open("w+b")
        counted.write(_COUNT.pack(0, 0))
        counted.flush()
        self._counts = mmap.mmap(counted.fileno(), _COUNT.size)
        counted.close()
        self._accepted = self._safe = 0
        self._files: list[Path] = []
        self._left: dict[str, IO[bytes]] = {}

    @property
    def waiting(self) -> int:
        """Batches on the disk."""
        return len(self._files)

    def accept(self) -> None:
        """One more row is about to be in memory. Called with every answer: two integers into mapped memory."""
        self._accepted += 1
        _COUNT.pack_into(self._counts, 0, self._accepted, self._safe)

    def keep(self, rows: int) -> None:
        """So many rows are safe now, or were counted as dropped: either way they are accounted for."""
        self._safe += rows
        _COUNT.pack_into(self._counts, 0, self._accepted, self._safe)

    def write(self, table: str, rows: pa.Table) -> bool:
        """Keep a batch on the disk: once this says True it outlives the machine's end. False when that would be too
        much or the disk refuses."""
        used = sum(file.stat().st_size for file in self._files if file.exists())
        if used + rows.nbytes > self._limit:
            return False
        final = self.path / f"{new_id('bat')}.{table}.{len(rows)}.arrow"
        partial = final.with_suffix(".partial")
        try:
            with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as file:
                file.write_table(rows)
            with partial.open("rb") as written:
                os.fsync(written.fileno())
            partial.replace(final)
            _sync(self.path)
        except OSError as error:
            _log.warning("predictions cannot wait on the disk: %s", error)
            for file in (partial, final):
                with suppress(OSError):
                    file.unlink(missing_ok=True)
            return False
        self._files.append(final)
        return True

    def oldest(self) -> tuple[str, pa.Table, Path] | None:
        """The batch that waits longest: its table's name, its rows, its file. Raises Unavailable for a broken file,
        which is put aside (in `.broken` beside the workers' directories) and its rows are counted as lost."""
        if not self._files:
            return None
        file = self._files[0]
        try:
            with pa.OSFile(str(file)) as source:
                return file.name.split(".")[1], pa.ipc.open_file(source).read_all(), file
        except (OSError, pa.ArrowInvalid) as error:
            self._files.pop(0)
            self._broken += _rows_in(file)
            aside = self._root / ".broken"
            with suppress(OSError):
                aside.mkdir(exist_ok=True)
                file.replace(aside / file.name)
            raise Unavailable(f"{str(file)!r} cannot be read: {error}", hint=f"it was put aside in {aside}") from error

    def take_broken(self) -> int:
        """Rows in files that could not be read, since this was asked last."""
        broken, self._broken = self._broken, 0
        return broken

    def done(self, file: Path) -> None:
        """`file` has been appended."""
        self._files.remove(file)
        file.unlink(missing_ok=True)

    def later(self, file: Path) -> None:
        """`file` could not be appended though the store takes others: it is tried again after them."""
        self._files.remove(file)
        self._files.append(file)

    def adopt(self) -> dict[str, int]:
        """Take over what workers that are gone left. Returns how many rows were lost, by worker, where any were: each
        is remembered on the disk until `told`."""
        lost: dict[str, int] = {}
        for left in sorted(self._root.iterdir()):
            if left == self.path or left.name.startswith(".") or not left.is_dir():
                continue
            try:
                lock = _held(left)
            except OSError:
                continue  # its worker lives, or another took it over
            rows = self._take(left)
            if rows > 0:
                lost[left.name] = rows
                self._left[left.name] = lock
            else:
                _remove(left)
                lock.close()
        return lost

    def told(self, worker: str) -> None:
        """What `worker` lost is known elsewhere now."""
        with self._left.pop(worker):
            _remove(self._root / worker)

    def _take(self, left: Path) -> int:
        try:
            accepted, safe = _COUNT.unpack((left / "count").read_bytes())
        except (OSError, struct.error):
            accepted = safe = 0
        files = sorted(left.glob("*.arrow"))
        self._files += [file.replace(self.path / file.name) for file in files]
        if files:
            _sync(self.path)
        if accepted > safe:
            _log.error("a worker that ended without warning lost %d predictions", accepted - safe)
        return accepted - safe

    def close(self) -> None:
        """Give the directory back: it is gone when nothing waits in it. Losses that were not told wait, too."""
        if not self._files:
            _remove(self.path)
        for lock in self._left.values():
            lock.close()
        self._counts.close()
        self._lock.close()


def _held(directory: Path) -> IO[bytes]:
    """The directory's lock, held. Raises OSError when another process holds it, or the directory is gone."""
    lock = (directory / _LOCK).open("r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock.fileno()).st_nlink == 0:
            raise FileNotFoundError(f"{str(directory)!r} was removed meanwhile")
    except OSError:
        lock.close()
        raise
    return lock


def _rows_in(file: Path) -> int:
    """As its name says; one at least, of a name that says nothing."""
    stated = file.name.split(".")[2]
    return int(stated) if stated.isdecimal() else 1


def _sync(directory: Path) -> None:
    """What was renamed in it stays so. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(directory: Path) -> None:
    """With the lock held, which goes last: nobody else takes what is half removed."""
    for file in directory.iterdir():
        if file.name != _LOCK:
            file.unlink(missing_ok=True)
    (directory / _LOCK).unlink(missing_ok=True)
    directory.rmdir()
