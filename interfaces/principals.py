"""Who may use this: a YAML file of people, their roles per tenant and the hashes of their API keys.

A key is `vigia_<name>_<43 random characters>`: 256 random bits, so a plain SHA-256 of it can be stored (there is
nothing to guess that a slow hash would protect).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from foundation.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from foundation.frozen import Frozen
from platform_core.access.principals import Principal


class _Record(Frozen):
    principal: Principal
    api_key_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class _File(Frozen):
    principals: tuple[_Record, ...] = ()


class PrincipalDirectory:
    """The people of one file, by API key, by name and by Slack user."""

    def __init__(self, records: tuple[_Record, ...]) -> None:
        self._records = records

    @classmethod
    def load(cls, path: Path) -> PrincipalDirectory:
        """Raises InvalidInput for a file that does not fit; a file that does not exist knows nobody."""
        return cls(_read(path).principals)

    def all(self) -> list[Principal]:
        return [record.principal for record in self._records]

    def by_api_key(self, key: str) -> Principal:
        """Raises Unauthenticated. Every record is compared, so that the time taken tells nothing."""
        presented, found = _hash(key), None
        for record in self._records:
            if record.api_key_sha256 and hmac.compare_digest(record.api_key_sha256, presented):
                found = record.principal
        if found is None:
            raise Unauthenticated("this API key belongs to nobody", hint="ask an admin for one: vigia principals add")
        return found

    def by_name(self, name: str) -> Principal:
        for principal in self.all():
            if name in (principal.name, principal.id):
                return principal
        known = ", ".join(sorted(p.name for p in self.all())) or "nobody"
        raise NotFound(f"nobody is called {name!r}", hint=f"known: {known}")

    def by_slack_user(self, user_id: str) -> Principal | None:
        return next((p for p in self.all() if p.slack_user_id == user_id), None)


def add_principal(path: Path, *, name: str, roles: list[str], tenants: list[str], slack_user_id: str | None) -> str:
    """Adds `human:<name>` to the file and returns the API key. Raises Conflict when the name is taken."""
    file = _read(path)
    if any(record.principal.name == name for record in file.principals):
        raise Conflict(f"{name!r} is in {path} already", hint="remove the record first to make a new key")
    key = f"vigia_{name}_{secrets.token_urlsafe(32)}"
    try:
        principal = Principal.model_validate(
            {"id": f"human:{name}", "name": name, "roles": roles, "tenants": tenants, "slack_user_id": slack_user_id}
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise InvalidInput(f"{'.'.join(str(p) for p in problem['loc'])}: {problem['msg']}") from None
    _write(path, _File(principals=(*file.principals, _Record(principal=principal, api_key_sha256=_hash(key)))))
    return key


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _read(path: Path) -> _File:
    if not path.exists():
        return _File()
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return _File.model_validate(content)
    except yaml.YAMLError as error:
        raise InvalidInput(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise InvalidInput(f"{path}: {where}: {problem['msg']}", hint="vigia principals add writes it") from None


def _write(path: Path, file: _File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = file.model_dump(mode="json")
    for record in content["principals"]:
        record["principal"]["roles"].sort()
        record["principal"]["tenants"].sort()
    temporary = path.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    temporary.replace(path)
