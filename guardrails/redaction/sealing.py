"""Encryption of what a pseudonym stands for: AES-256-GCM (NIST SP 800-38D), bound to the pseudonym it belongs to."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.errors import InvalidInput, Unavailable

KEY_BYTES, _NONCE_BYTES = 32, 12


class Seal:
    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise InvalidInput(f"the vault's key has {len(key)} bytes, not {KEY_BYTES}")
        self._cipher = AESGCM(key)

    def close(self, pseudonym: str, value: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.encode("utf-8", "surrogatepass"), pseudonym.encode())

    def open(self, pseudonym: str, sealed: bytes) -> str:
        """Raises Unavailable when it was sealed with another key, for another pseudonym, or tampered with."""
        try:
            data = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], pseudonym.encode())
        except InvalidTag:
            raise Unavailable(
                f"what {pseudonym} stands for cannot be decrypted",
                hint="the vault's key is not the one it was sealed with, or the row was changed",
            ) from None
        return data.decode("utf-8", "surrogatepass")
