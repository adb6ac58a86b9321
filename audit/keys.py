"""Ed25519 keys in files that only we can read: the log's own, a witness's, that of the models."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from foundation.errors import InvalidInput, Unavailable


def load_or_create_key(path: Path) -> Ed25519PrivateKey:
    """The key in the PEM file at `path`, made (mode 0600) if there is none.

    Raises InvalidInput for a file that others can read or that holds no Ed25519 key, Unavailable when it cannot be
    read or written. A damaged key is never replaced by a new one: what the old one signed could no longer be checked.
    """
    try:
        if not path.exists():
            _create_key(path)
        if path.stat().st_mode & 0o077:
            raise InvalidInput(f"{str(path)!r} can be read by others", hint=f"chmod 600 {path}")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput(
            f"{str(path)!r} holds no private key: {error}", hint="restore it from a backup; it is not made anew"
        ) from error
    except OSError as error:
        raise Unavailable(f"the key {str(path)!r} cannot be read or made: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(f"{str(path)!r} holds a key that is not Ed25519")
    return key


def _create_key(path: Path) -> None:
    # Written whole under another name and linked into place: of two processes that start together one wins and both
    # use its key; mkstemp makes the file with mode 0600.
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
