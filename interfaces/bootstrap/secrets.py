"""Random keys kept in files that only we can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from foundation.errors import InvalidInput

KEY_BYTES = 32


def key_file(path: Path) -> bytes:
    """The key in the file, made (mode 0600) when there is none. Raises InvalidInput when others can read it.

    Written under another name and linked into place: of processes that start together one wins, all use its key.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            pass  # another process was first: its key counts
        finally:
            temporary.unlink()
    if path.stat().st_mode & 0o077:
        raise InvalidInput(f"{str(path)!r} can be read by others", hint=f"chmod 600 {path}")
    key = path.read_bytes()
    if len(key) < KEY_BYTES:
        raise InvalidInput(f"{str(path)!r} holds {len(key)} bytes, a key has {KEY_BYTES}", hint="remove the file")
    return key
