"""A port that is taken is said at once and in one line, before anything is opened."""

from __future__ import annotations

import errno
import socket

from foundation.errors import InvalidInput, Unavailable


def require_free(host: str, port: int, *, setting: str) -> None:
    """Raises Unavailable when something listens there, InvalidInput for a host that is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server will: a port that was just left is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            where = f"{host}:{port}"
            if error.errno == errno.EADDRINUSE:
                raise Unavailable(f"{where} is taken", hint=f"end what listens there, or set {setting}") from error
            if error.errno == errno.EACCES:
                hint = f"ports below 1024 need a privilege; set {setting}"
                raise Unavailable(f"{where} may not be listened on", hint=hint) from error
            raise InvalidInput(f"{where} is no address of this machine: {error}", hint=f"see {setting}") from error
