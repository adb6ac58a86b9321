"""Where this process finds the secrets that its settings refer to. One for the process, as its environment is."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Protocol

from foundation.errors import InvalidInput, NotFound
from foundation.secrets.files import SecretFiles
from foundation.secrets.reference import SecretRef

_COMPARING = os.urandom(16)


class Vault(Protocol):
    def read(self, name: str, field: str) -> str:
        """`field` of `mount/path`. Raises NotFound, Forbidden, Unavailable, InvalidInput."""
        ...


class SecretSources:
    """`rotated` is told of a reference whose secret is another than at the last look."""

    def __init__(self, vault: Vault | None = None, *, rotated: Callable[[SecretRef], None] | None = None) -> None:
        self._files = SecretFiles()
        self._vault = vault
        self._rotated = rotated
        self._seen: dict[SecretRef, bytes] = {}

    def use_vault(self, vault: Vault | None) -> None:
        self._vault = vault

    def tell(self, rotated: Callable[[SecretRef], None]) -> None:
        self._rotated = rotated

    def resolve(self, reference: SecretRef) -> str:
        """The secret as it is now. Raises NotFound, InvalidInput, Forbidden, Unavailable; no message holds a secret."""
        value = self._read(reference)
        # Kept to notice a change, under a key of this process only.
        mark = blake2b(value.encode("utf-8", "surrogatepass"), key=_COMPARING, digest_size=16).digest()
        before = self._seen.get(reference)
        self._seen[reference] = mark
        if before is not None and before != mark and self._rotated is not None:
            self._rotated(reference)
        return value

    def _read(self, reference: SecretRef) -> str:
        if reference.scheme == "file":
            return self._files.read(reference.name)
        if reference.scheme == "env":
            value = os.environ.get(reference.name)
            if not value:
                raise NotFound(f"there is no secret at {reference}", hint=f"set the variable {reference.name}")
            return value
        if self._vault is None:
            raise InvalidInput(f"{reference} needs Vault", hint="set VIGIA__SECRETS__VAULT_ADDRESS and …__VAULT_TOKEN")
        return self._vault.read(reference.name, reference.field)


SOURCES = SecretSources()
"""Of this process; the settings' loading gives it Vault."""
