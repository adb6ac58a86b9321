"""Secrets in files: as container platforms mount them, and as people keep them beside a service."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from foundation.errors import InvalidInput, NotFound, Unavailable

MAX_BYTES = 65_536
_Stamp = tuple[int, int, int]


class SecretFiles:
    """Reads each file again only when it changed; a file that others may read is refused each time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Stamp, str]] = {}

    def read(self, path: str) -> str:
        """Its text without the newline at its end. Raises NotFound, InvalidInput for a file that others can read, that
        belongs to somebody else, or that holds no text; Unavailable when it cannot be read."""
        try:
            # One look at what is open: a file exchanged between a check and a read would be read unchecked.
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise NotFound(f"there is no secret at file:{path}", hint="mount it, or mend the setting") from error
        except OSError as error:
            raise Unavailable(f"the secret file:{path} cannot be read: {error.strerror}") from error
        try:
            status = os.fstat(handle)
            _check(path, status)
            stamp = status.st_mtime_ns, status.st_size, status.st_ino
            known = self._known.get(path)
            if known is not None and known[0] == stamp:
                return known[1]
            text = _text(path, os.read(handle, MAX_BYTES + 1))
        except OSError as error:
            raise Unavailable(f"the secret file:{path} cannot be read: {error.strerror}") from error
        finally:
            os.close(handle)
        self._known[path] = stamp, text
        return text


def _check(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput(f"the secret file:{path} is not a file", hint="name one file, not a directory")
    if status.st_mode & 0o077:
        mode = f"{stat.S_IMODE(status.st_mode):03o}"
        raise InvalidInput(f"the secret file:{path} can be read by others (mode {mode})", hint=f"chmod 600 {path}")
    if status.st_uid not in (os.geteuid(), 0):
        raise InvalidInput(f"the secret file:{path} belongs to somebody else", hint=f"chown {os.geteuid()} {path}")


def _text(path: str, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"the secret file:{path} is longer than {MAX_BYTES} bytes", hint=f"is {Path(path).name} it?")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        # Without its cause: that holds the bytes.
        raise InvalidInput(f"the secret file:{path} is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise NotFound(f"the secret file:{path} is empty", hint="write the secret into it")
    return text
