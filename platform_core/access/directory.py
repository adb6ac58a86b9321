"""Who is known, read from a reviewed YAML file.

    principals:
      - id: human:alice
        name: Alice
        roles: [oncall]
        tenants: ["*"]
        environments: [staging, production]  # optional: all of them when not given
        grants:                              # optional: further ones
          - {roles: [viewer], tenants: [mx], environments: [dev]}
        slack_user_id: U0ALICE               # optional
        api_keys:                            # optional: SHA-256 of each key, in hexadecimal
          - {id: 9f86d081, sha256: 9f86d081884c7d65…, created_at: …, expires_at: …}
        api_key_sha256: 9f86d081884c7d65…    # optional: one key that never expires

The file never holds a key itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from foundation.errors import InvalidInput, NotFound, Unauthenticated, Unavailable
from foundation.yaml_errors import yaml_problem
from platform_core.access.keys import StoredKey, key_digest
from platform_core.access.principals import Environment, Principal

_Stamp = tuple[int, int, int]


class PrincipalGrant(Principal):
    """A principal as the file lists it, with the hashes of its API keys."""

    api_key_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    api_keys: tuple[StoredKey, ...] = ()

    @property
    def keys(self) -> tuple[StoredKey, ...]:
        if self.api_key_sha256 is None:
            return self.api_keys
        return (StoredKey(id=self.api_key_sha256[:8], sha256=self.api_key_sha256), *self.api_keys)


class People:
    """The principals of one reading of the file, by what they are looked up by. Immutable."""

    def __init__(self, grants: Iterable[PrincipalGrant], environment: Environment | None = None) -> None:
        self.by_id: dict[str, Principal] = {}
        self.by_slack_user: dict[str, Principal] = {}
        self.by_key: dict[bytes, tuple[StoredKey, Principal]] = {}
        for grant in grants:
            whole = Principal.model_validate(grant.model_dump(exclude={"api_key_sha256", "api_keys"}))
            principal = whole if environment is None else whole.here(environment)
            _put(self.by_id, "id", principal.id, principal)
            _put(self.by_slack_user, "slack_user_id", principal.slack_user_id, principal)
            for key in grant.keys:
                other = self.by_key.get(key.digest)
                if other is not None:
                    raise InvalidInput(f"{other[1].id} and {principal.id} share an API key")
                self.by_key[key.digest] = key, principal

    def by_api_key(self, key: str, at: float) -> Principal | None:
        """`at`: seconds since the epoch."""
        found = self.by_key.get(key_digest(key))
        return None if found is None or found[0].expired(at) else found[1]


class PrincipalDirectory:
    """Looks principals up by id, API key or Slack user. Raises InvalidInput when two of them share one of these.

    One that was loaded follows its file: who is taken out of it, or loses a role, has lost it at the next question,
    in every process that runs. While the file cannot be read, nobody is known (Unavailable).

    `environment`: that of the process; grants of others do not exist in it. `wall`: seconds since the epoch, by which
    keys expire.
    """

    def __init__(
        self,
        grants: Iterable[PrincipalGrant],
        *,
        environment: Environment | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._environment: Environment | None = environment
        self._wall = wall
        self._people = People(grants, environment)
        self._path: Path | None = None
        self._stamp: _Stamp | None = None

    @classmethod
    def load(
        cls, path: Path, *, may_be_missing: bool = False, environment: Environment | None = None
    ) -> PrincipalDirectory:
        """Raises NotFound without the file; InvalidInput, naming file and entry, for what is not right in it."""
        directory = cls([], environment=environment)
        directory._path = path
        directory._stamp = _stamp(path)
        if directory._stamp is not None or not may_be_missing:
            directory._people = People(read_grants(path), environment)
        return directory

    def __iter__(self) -> Iterator[Principal]:
        return iter(self.now().by_id.values())

    def get(self, principal_id: str) -> Principal:
        """Raises NotFound."""
        people = self.now()
        try:
            return people.by_id[principal_id]
        except KeyError as error:
            known = ", ".join(sorted(people.by_id)) or "nobody"
            raise NotFound(f"nobody is known as {principal_id!r}", hint=f"known: {known}") from error

    def by_api_key(self, key: str) -> Principal:
        """Raises Unauthenticated, in the same words for a key that nobody has and one that expired."""
        found = self.now().by_api_key(key, self._wall())
        if found is None:
            raise Unauthenticated("nobody is known by this API key")
        return found

    def by_slack_user(self, slack_user_id: str) -> Principal:
        """Raises Unauthenticated."""
        try:
            return self.now().by_slack_user[slack_user_id]
        except KeyError as error:
            raise Unauthenticated(
                f"nobody is known with the Slack user {slack_user_id!r}",
                hint="set slack_user_id in the principals file",
            ) from error

    def now(self) -> People:
        """Everybody as the file has them just now; it is read again only when it changed. Raises Unavailable."""
        if self._path is None:
            return self._people
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            try:
                grants = [] if stamp is None else read_grants(self._path)
                people = People(grants, self._environment)
            except (InvalidInput, NotFound) as error:
                raise Unavailable(f"who may do what cannot be read: {error.message}", hint=error.hint) from error
            # The older stamp with the newer people, for a moment: at worst the file is read once more.
            self._people, self._stamp = people, stamp
        return self._people


def _stamp(path: Path) -> _Stamp | None:
    """Changes with the file, also when an editor replaces it; None when there is none. Raises Unavailable."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Unavailable(f"who may do what cannot be read: {error}") from error
    return status.st_mtime_ns, status.st_size, status.st_ino


def read_entries(path: Path) -> list[Any]:
    """The file's entries as they are written. Raises NotFound, InvalidInput."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"there is no principals file at {str(path)!r}") from error
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # ValueError: a date that is none, or bytes that are no text. RecursionError: brackets without end.
        raise InvalidInput(f"{str(path)!r} is not YAML: {yaml_problem(error)}") from error
    if not isinstance(document, dict) or not isinstance(document.get("principals"), list):
        raise InvalidInput(f"{str(path)!r} lists nobody", hint="it needs a list under 'principals:'")
    return document["principals"]


def read_grants(path: Path) -> list[PrincipalGrant]:
    """Everybody in the file, checked together. Raises NotFound, and InvalidInput naming file and entry."""
    try:
        grants = [parse_grant(entry, number) for number, entry in enumerate(read_entries(path), start=1)]
        People(grants)
    except InvalidInput as error:
        told = error.message if str(path) in error.message else f"{str(path)!r}: {error.message}"
        raise InvalidInput(told, hint=error.hint) from error
    return grants


def parse_grant(entry: Any, number: int) -> PrincipalGrant:
    """Raises InvalidInput; no value of the entry is repeated but its id."""
    try:
        return PrincipalGrant.model_validate(entry)
    except ValidationError as error:
        name = entry.get("id", "without id") if isinstance(entry, dict) else f"a {type(entry).__name__}, not a mapping"
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidInput(f"principal {number} ({name}): {problems}") from error


def _put(index: dict[str, Principal], what: str, key: str | None, principal: Principal) -> None:
    if key is None:
        return
    if key in index:
        raise InvalidInput(f"{index[key].id} and {principal.id} share the {what} {key!r}")
    index[key] = principal


__all__ = ["People", "PrincipalDirectory", "PrincipalGrant", "parse_grant", "read_entries", "read_grants"]
