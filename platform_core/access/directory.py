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

from foundation.errors import InvalidInput, NotFound, Unauthenticated, Unavailable
from platform_core.access.principals import Principal

_Stamp = tuple[int, int, int]


class PrincipalGrant(Principal):
    """A principal as the file lists it, with the hash of its API key."""

    api_key_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class _People:
    """The principals of one reading of the file, by what they are looked up by."""

    def __init__(self, grants: Iterable[PrincipalGrant]) -> None:
        self.by_id: dict[str, Principal] = {}
        self.by_slack_user: dict[str, Principal] = {}
        self.by_key_hash: dict[str, Principal] = {}
        for grant in grants:
            principal = Principal.model_validate(grant.model_dump(exclude={"api_key_sha256"}))
            _put(self.by_id, "id", principal.id, principal)
            _put(self.by_slack_user, "slack_user_id", principal.slack_user_id, principal)
            _put(self.by_key_hash, "api_key_sha256", grant.api_key_sha256, principal)


class PrincipalDirectory:
    """Looks principals up by id, API key or Slack user. Raises InvalidInput when two of them share one of these.

    One that was loaded follows its file: who is taken out of it, or loses a role, has lost it at the next question,
    in every process that runs. While the file cannot be read, nobody is known (Unavailable).
    """

    def __init__(self, grants: Iterable[PrincipalGrant]) -> None:
        self._people = _People(grants)
        self._path: Path | None = None
        self._stamp: _Stamp | None = None

    @classmethod
    def load(cls, path: Path, *, may_be_missing: bool = False) -> PrincipalDirectory:
        """Raises NotFound without the file; InvalidInput, naming file and entry, for what is not right in it."""
        directory = cls([])
        directory._path = path
        directory._stamp = _stamp(path)
        if directory._stamp is not None or not may_be_missing:
            directory._people = _read(path)
        return directory

    def __iter__(self) -> Iterator[Principal]:
        return iter(self._now().by_id.values())

    def get(self, principal_id: str) -> Principal:
        """Raises NotFound."""
        people = self._now()
        try:
            return people.by_id[principal_id]
        except KeyError as error:
            known = ", ".join(sorted(people.by_id)) or "nobody"
            raise NotFound(f"nobody is known as {principal_id!r}", hint=f"known: {known}") from error

    def by_api_key(self, key: str) -> Principal:
        """Raises Unauthenticated. Compares with every known hash, so that the time taken tells nothing."""
        given = hashlib.sha256(key.encode()).hexdigest()
        known = self._now().by_key_hash.items()
        found = [principal for key_hash, principal in known if hmac.compare_digest(key_hash, given)]
        if not found:
            raise Unauthenticated("nobody is known by this API key")
        return found[0]

    def by_slack_user(self, slack_user_id: str) -> Principal:
        """Raises Unauthenticated."""
        try:
            return self._now().by_slack_user[slack_user_id]
        except KeyError as error:
            raise Unauthenticated(
                f"nobody is known with the Slack user {slack_user_id!r}",
                hint="set slack_user_id in the principals file",
            ) from error

    def _now(self) -> _People:
        if self._path is None:
            return self._people
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            try:
                people = _People([]) if stamp is None else _read(self._path)
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


def _read(path: Path) -> _People:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"there is no principals file at {str(path)!r}") from error
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # ValueError: a date that is none, or bytes that are no text. RecursionError: brackets without end.
        raise InvalidInput(f"{str(path)!r} is not YAML: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("principals"), list):
        raise InvalidInput(f"{str(path)!r} lists nobody", hint="it needs a list under 'principals:'")
    entries: list[Any] = document["principals"]
    try:
        return _People(_grant(entry, number) for number, entry in enumerate(entries, start=1))
    except InvalidInput as error:
        raise InvalidInput(f"{str(path)!r}: {error.message}", hint=error.hint) from error


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
