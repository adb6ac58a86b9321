"""What a setting may say instead of a secret: `env:NAME`, `file:/path` or `vault:mount/path#field`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from foundation.errors import InvalidInput

_SCHEMES = ("env:", "file:", "vault:")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VAULT = re.compile(r"(?P<mount>[A-Za-z0-9_.-]+)/(?P<path>[A-Za-z0-9_./-]+)#(?P<field>[A-Za-z0-9_.-]+)")
HINT = "write env:NAME, file:/path/to/it or vault:mount/path#field"


@dataclass(frozen=True)
class SecretRef:
    """`name`: of the variable; the file's path; or `mount/path` in Vault, with the `field` of what is kept there.

    It is no secret itself: it may be shown, logged and kept in files.
    """

    scheme: Literal["env", "file", "vault"]
    name: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}{'#' if self.field else ''}{self.field}"


def is_reference(text: str) -> bool:
    """Whether `text` means a reference: whatever begins so is never taken for the secret itself."""
    return text.startswith(_SCHEMES)


def parse_reference(text: str) -> SecretRef:
    """Raises InvalidInput; what does not fit is not repeated: it may be the secret, pasted after the wrong word."""
    scheme, _, rest = text.partition(":")
    if scheme == "env" and _NAME.fullmatch(rest):
        return SecretRef("env", rest)
    if scheme == "file" and rest.startswith("/") and "\0" not in rest:
        return SecretRef("file", rest)
    if scheme == "vault" and (match := _VAULT.fullmatch(rest)) and ".." not in rest.split("#")[0].split("/"):
        return SecretRef("vault", f"{match['mount']}/{match['path'].strip('/')}", match["field"])
    shown = scheme if scheme in ("env", "file", "vault") else "…"
    raise InvalidInput(f"{shown}:… is not a reference to a secret", hint=HINT)
