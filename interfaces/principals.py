"""Changes of the principals file; `platform_core.access.directory` reads it.

Two at once wait for each other (a lock on a file beside it), so that neither loses what the other added. The file is
replaced as a whole, inside the audit log's transaction: a change without its entry does not stay, an entry without its
change is not committed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from audit.entry import AuditRecord
from foundation.errors import Conflict, InvalidInput, NotFound
from platform_core.access.directory import People, PrincipalDirectory, PrincipalGrant, parse_grant, read_entries
from platform_core.access.keys import StoredKey, new_key, stored
from platform_core.access.principals import ENVIRONMENTS, Environment, Grant

Recording = Callable[[AuditRecord], AbstractContextManager[None]]
"""Writes the record together with what the block does: both stay or neither."""


def open_directory(path: Path, environment: Environment) -> PrincipalDirectory:
    """The people of the file as it is whenever it is asked, with what they hold in `environment`; nobody while there is
    none. Raises InvalidInput for a file that does not fit."""
    return PrincipalDirectory.load(path, may_be_missing=True, environment=environment)


@contextmanager
def unrecorded(_record: AuditRecord) -> Generator[None]:
    """For a file that is made before there is a log, as a demo's is."""
    yield


class PrincipalsFile:
    """Every method raises InvalidInput, and changes nothing, when the file as it would become does not fit."""

    def __init__(
        self,
        path: Path,
        *,
        actor: str = "local:setup",
        recording: Recording = unrecorded,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._actor = actor
        self._recording = recording
        self._wall = wall

    @property
    def path(self) -> Path:
        return self._path

    def grants(self) -> list[PrincipalGrant]:
        """Everybody, with their keys' ids and times."""
        entries = read_entries(self._path) if self._path.exists() else []
        return [parse_grant(entry, number) for number, entry in enumerate(entries, start=1)]

    def add(self, who: str, grant: Grant, *, slack_user_id: str | None = None) -> str:
        """Adds `human:alice` or `service:checkout` and returns the API key. Raises Conflict when the name is taken."""
        name = who.partition(":")[2]
        key = new_key(name)
        kept = stored(key, created_at=self._wall())
        entry: dict[str, Any] = {"id": who, "name": name.capitalize(), **_written(grant)}
        if slack_user_id is not None:
            entry["slack_user_id"] = slack_user_id
        with self._changing("principal.added", who, {**_written(grant), "keys": [kept.id]}) as entries:
            if any(known.get("id") == who for known in entries):
                hint = "vigia principals rotate makes a new key, vigia principals grant gives more"
                raise Conflict(f"{who} is in {self._path} already", hint=hint)
            entries.append({**entry, "api_keys": [_key_entry(kept)]})
        return key

    def grant(self, who: str, grant: Grant) -> None:
        """Gives `who` another grant beside those they hold."""
        with self._changing("principal.granted", who, _written(grant)) as entries:
            entry = _find(entries, who)
            entry["grants"] = [*entry.get("grants", []), _written(grant)]

    def rotate(self, who: str, *, overlap: timedelta) -> str:
        """A new key; those there are stop working after `overlap`, or sooner where they would have."""
        if overlap < timedelta(0):
            raise InvalidInput("the overlap is negative", hint="0 ends the old keys at once")
        now = self._wall()
        key = new_key(who.partition(":")[2])
        try:
            kept, until = stored(key, created_at=now), now + overlap
        except OverflowError as error:
            raise InvalidInput(
                "the overlap is beyond all time", hint="24h, or 0 to end the old keys at once"
            ) from error
        told = {"keys": [kept.id], "expires_at": until.isoformat(timespec="seconds")}
        with self._changing("principal.key_added", who, told) as entries:
            entry = _find(entries, who)
            known = [each for each in parse_grant(entry, 1).keys if not each.expired(now.timestamp())]
            ending = [each.model_copy(update={"expires_at": min(until, each.expires_at or until)}) for each in known]
            entry.pop("api_key_sha256", None)
            entry["api_keys"] = [_key_entry(each) for each in (*ending, kept)]
        return key

    def revoke(self, who: str, key_id: str | None = None) -> list[str]:
        """Takes away one key, or all of them; their ids. Raises NotFound when there is none."""
        gone: list[str] = []
        with self._changing("principal.keys_revoked", who, {"keys": gone}) as entries:
            entry = _find(entries, who)
            known = parse_grant(entry, 1).keys
            gone += [each.id for each in known if key_id in (None, each.id)]
            if not gone:
                had = ", ".join(each.id for each in known) or "none"
                raise NotFound(f"{who} has no key {key_id!r}" if key_id else f"{who} has no key", hint=f"keys: {had}")
            entry.pop("api_key_sha256", None)
            entry["api_keys"] = [_key_entry(each) for each in known if each.id not in gone]
        return gone

    def remove(self, who: str) -> None:
        """Takes somebody out of the file, keys and all."""
        with self._changing("principal.removed", who, {}) as entries:
            entries.remove(_find(entries, who))

    @contextmanager
    def _changing(self, action: str, who: str, payload: dict[str, Any]) -> Generator[list[dict[str, Any]]]:
        """The entries, to be changed in the block; then they are checked, and written with their audit entry."""
        with _locked(self._path):
            entries = read_entries(self._path) if self._path.exists() else []
            People(parse_grant(entry, number) for number, entry in enumerate(entries, start=1))
            yield entries
            try:
                People(PrincipalGrant.model_validate(entry) for entry in entries)
            except ValidationError as error:
                problem = error.errors(include_url=False)[0]
                raise InvalidInput(f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}") from None
            record = AuditRecord(action=action, actor=self._actor, subject=who, payload=payload)
            before = self._path.read_bytes() if self._path.exists() else None
            try:
                with self._recording(record):
                    _write(self._path, yaml.safe_dump({"principals": entries}, sort_keys=False).encode())
            except BaseException:
                _restore(self._path, before)
                raise


def add_principal(
    path: Path, *, name: str, roles: list[str], tenants: list[str], slack_user_id: str | None = None
) -> str:
    """Adds `human:<name>` to a file that no log keeps watch over yet, and returns the API key."""
    return PrincipalsFile(path).add(f"human:{name}", make_grant(roles, tenants), slack_user_id=slack_user_id)


def make_grant(roles: Iterable[str], tenants: Iterable[str], environments: Iterable[str] = ()) -> Grant:
    """Raises InvalidInput, naming what does not exist."""
    fields = {"roles": list(roles), "tenants": list(tenants), "environments": list(environments) or ENVIRONMENTS}
    try:
        return Grant.model_validate(fields)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise InvalidInput(f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}") from None


def _written(grant: Grant) -> dict[str, Any]:
    fields: dict[str, Any] = {"roles": sorted(grant.roles), "tenants": sorted(grant.tenants)}
    if grant.environments != ENVIRONMENTS:
        fields["environments"] = sorted(grant.environments)
    return fields


def _key_entry(key: StoredKey) -> dict[str, Any]:
    times = {"created_at": key.created_at, "expires_at": key.expires_at}
    shown = {name: at.isoformat(timespec="seconds") for name, at in times.items() if at is not None}
    return {"id": key.id, "sha256": key.sha256, **shown}


def _find(entries: list[dict[str, Any]], who: str) -> dict[str, Any]:
    for entry in entries:
        if entry["id"] == who:
            return entry
    known = ", ".join(sorted(entry["id"] for entry in entries)) or "nobody"
    raise NotFound(f"nobody is known as {who!r}", hint=f"known: {known}")


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """One at a time, over all processes of this machine. The lock's file stays: taking it away would make two locks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    with suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _restore(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    elif path.read_bytes() != before:
        _write(path, before)
