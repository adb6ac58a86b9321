"""API keys: random, long, and known here only by their SHA-256.

A key is `vigia_<name>_<43 random characters>`: 256 random bits, so a plain SHA-256 of it can be stored (there is
nothing to guess that a slow hash would protect), and finding it by its digest tells a stranger nothing by the time it
takes: what is compared is not what was sent.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime

from pydantic import Field, field_validator

from foundation.frozen import Frozen


class StoredKey(Frozen):
    """A key as the principals file has it. `id` names it in lists and in the audit log; times are of the wall."""

    id: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,32}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    created_at: datetime | None = None
    expires_at: datetime | None = None
    """From this moment on nobody is known by it; never, when None."""

    @field_validator("created_at", "expires_at")
    @classmethod
    def _zoned(cls, value: datetime | None) -> datetime | None:
        # YAML reads a time without its zone as one of no zone at all; ours are written in UTC.
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @property
    def digest(self) -> bytes:
        return bytes.fromhex(self.sha256)

    def expired(self, at: float) -> bool:
        """`at`: seconds since the epoch."""
        return self.expires_at is not None and self.expires_at.timestamp() <= at


def new_key(name: str) -> str:
    """A fresh key of somebody called `name`."""
    return f"vigia_{name}_{secrets.token_urlsafe(32)}"


def key_digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def stored(key: str, *, created_at: datetime, expires_at: datetime | None = None) -> StoredKey:
    """`key` as it may be kept. Its id is the beginning of its digest."""
    sha256 = key_digest(key).hex()
    return StoredKey(id=sha256[:8], sha256=sha256, created_at=created_at, expires_at=expires_at)
