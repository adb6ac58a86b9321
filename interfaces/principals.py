"""Adds people to the principals file; `platform_core.access.directory` reads it.

A key is `vigia_<name>_<43 random characters>`: 256 random bits, so a plain SHA-256 of it can be stored (there is
nothing to guess that a slow hash would protect).
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from foundation.errors import Conflict, InvalidInput
from platform_core.access.directory import PrincipalDirectory, PrincipalGrant


def open_directory(path: Path) -> PrincipalDirectory:
    """The people of the file as it is whenever it is asked; nobody while there is none. Raises InvalidInput for a file
    that does not fit."""
    return PrincipalDirectory.load(path, may_be_missing=True)


def add_principal(
    path: Path, *, name: str, roles: list[str], tenants: list[str], slack_user_id: str | None = None
) -> str:
    """Adds `human:<name>` to the file and returns the API key. Raises Conflict when the name is taken."""
    document: dict[str, Any] = {"principals": []}
    if path.exists():
        PrincipalDirectory.load(path)
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if any(entry["id"] == f"human:{name}" for entry in document["principals"]):
        raise Conflict(f"human:{name} is in {path} already", hint="remove the entry first to make a new key")
    key = f"vigia_{name}_{secrets.token_urlsafe(32)}"
    entry = {
        "id": f"human:{name}",
        "name": name.capitalize(),
        "roles": sorted(roles),
        "tenants": sorted(tenants),
        "slack_user_id": slack_user_id,
        "api_key_sha256": hashlib.sha256(key.encode()).hexdigest(),
    }
    entry = {field: value for field, value in entry.items() if value is not None}
    try:
        PrincipalGrant.model_validate(entry)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise InvalidInput(f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}") from None
    document["principals"].append(entry)
    _write(path, document)
    return key


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    temporary.replace(path)
