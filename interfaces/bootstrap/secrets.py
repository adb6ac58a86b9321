"""Random keys kept in files that only we can read."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from foundation.errors import InvalidInput, Unavailable

KEY_BYTES = 32


def key_file(path: Path) -> bytes:
    """The key in the file, made (mode 0600) when there is none. Raises InvalidInput when others can read it or it is no
    whole key, Unavailable when it cannot be read or made; what is there is left as it is.

    Written under another name and linked into place: of processes that start together one wins, all use its key.
    """
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077 and path.is_file():
            raise InvalidInput(f"{str(path)!r} can be read by others", hint=f"chmod 600 {path}")
        key = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"the key {str(path)!r} cannot be read: {error.strerror}", hint="nothing is named or sealed without it"
        ) from error
    if len(key) < KEY_BYTES:
        raise InvalidInput(
            f"{str(path)!r} holds {len(key)} bytes, a key has {KEY_BYTES}",
            hint="restore it from a backup: another key cannot open what this one sealed",
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())  # a name that a power cut leaves without its bytes would be a key that is no key
        with suppress(FileExistsError):  # another process was first: its key counts
            path.hardlink_to(temporary)
    finally:
        temporary.unlink()
