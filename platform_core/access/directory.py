"""Who is known, read from a reviewed YAML file.

    principals:
      - id: human:alice
        name: Alice
        roles: [oncall]
        tenants: ["*"]
        slack_user_id: U0ALICE             # optional
        api_key_sha256: 9f86d081884c7d65…  # optional: SHA-256 of the key, in hexadecimal

Keys are random and long, so a plain hash of one cannot be searched; the file never holds the key itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from foundation.errors import InvalidInput, NotFound, Unauthenticated
from platform_core.access.principals import Principal


class PrincipalGrant(Principal):
    """A principal as the file lists it, with the hash of its API key."""

    api_key_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class PrincipalDirectory:
    """Looks principals up by id, API key or Slack user. Raises InvalidInput when two of them share one of these."""

    def __init__(self, grants: Iterable[PrincipalGrant]) -> None:
        self._by_id: dict[str, Principal] = {}
        self._by_slack_user: dict[str, Principal] = {}
        self._by_key_hash: dict[str, Principal] = {}
        for grant in grants:
            principal = Principal.model_validate(grant.model_dump(exclude={"api_key_sha256"}))
            _put(self._by_id, "id", principal.id, principal)
            _put(self._by_slack_user, "slack_user_id", principal.slack_user_id, principal)
            _put(self._by_key_hash, "api_key_sha256", grant.api_key_sha256, principal)

    @classmethod
    def load(cls, path: Path) -> PrincipalDirectory:
        """Raises NotFound without the file; InvalidInput, naming file and entry, for what is not right in it."""
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise NotFound(f"there is no principals file at {str(path)!r}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{str(path)!r} is not YAML: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("principals"), list):
            raise InvalidInput(f"{str(path)!r} lists nobody", hint="it needs a list under 'principals:'")
        entries: list[Any] = document["principals"]
        try:
            return cls(_grant(entry, number) for number, entry in enumerate(entries, start=1))
        except InvalidInput as error:
            raise InvalidInput(f"{str(path)!r}: {error.message}", hint=error.hint) from error

    def __iter__(self) -> Iterator[Principal]:
        return iter(self._by_id.values())

    def get(self, principal_id: str) -> Principal:
        """Raises NotFound."""
        try:
            return self._by_id[principal_id]
        except KeyError as error:
            known = ", ".join(sorted(self._by_id)) or "nobody"
            raise NotFound(f"nobody is known as {principal_id!r}", hint=f"known: {known}") from error

    def by_api_key(self, key: str) -> Principal:
        """Raises Unauthenticated. Compares with every known hash, so that the time taken tells nothing."""
        given = hashlib.sha256(key.encode()).hexdigest()
        found = [principal for known, principal in self._by_key_hash.items() if hmac.compare_digest(known, given)]
        if not found:
            raise Unauthenticated("nobody is known by this API key")
        return found[0]

    def by_slack_user(self, slack_user_id: str) -> Principal:
        """Raises Unauthenticated."""
        try:
            return self._by_slack_user[slack_user_id]
        except KeyError as error:
            raise Unauthenticated(
                f"nobody is known with the Slack user {slack_user_id!r}",
                hint="set slack_user_id in the principals file",
            ) from error


def _grant(entry: Any, number: int) -> PrincipalGrant:
    try:
        return PrincipalGrant.model_validate(entry)
    except ValidationError as error:
        name = entry.get("id", "without id") if isinstance(entry, dict) else repr(entry)
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidInput(f"principal {number} ({name}): {problems}") from error


def _put(index: dict[str, Principal], what: str, key: str | None, principal: Principal) -> None:
    if key is None:
        return
    if key in index:
        shown = "an API key" if what == "api_key_sha256" else f"the {what} {key!r}"
        raise InvalidInput(f"{index[key].id} and {principal.id} share {shown}")
    index[key] = principal
