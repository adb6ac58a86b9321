"""The vault: each value's pseudonym, the same in every process, no two values with the same one, reversible by key.

A name is the entity and as many hexadecimal digits of the value's fingerprint as keep it apart: four, or six, eight …
for one that came when four were taken. Who is first is decided by the database.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from foundation.clock import Clock
from foundation.database import open_database, reading, transaction
from foundation.errors import NotFound, Unavailable
from guardrails.redaction.pseudonyms import DIGITS, Fingerprints, Value, pseudonym
from guardrails.redaction.sealing import Seal
from guardrails.redaction.tables import pseudonyms, vault_metadata

UNKEPT_DIGITS = 16
"""Digits of a name that was given while the vault could not be written: no other value has it, and it cannot be
revealed."""

_REMEMBERED = 20_000
_AT_ONCE = 400
_FORGETS_EVERY = timedelta(days=1)
"""In a process that stays, when there is something to name."""

_TRIES = 5


class Vault:
    """Names for values (`guardrails.redaction.pseudonyms.Names`), kept. Safe to share between threads and processes.

    Naming never fails: a text must be redacted also while the vault is locked or its disk is full. `keep` is how long
    what a pseudonym stands for can be revealed.
    """

    def __init__(
        self, engine: Engine, clock: Clock, fingerprint_key: bytes, seal_key: bytes, *, keep: timedelta
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._fingerprints = Fingerprints(fingerprint_key)
        self._seal = Seal(seal_key)
        self._keep = keep
        self._names: OrderedDict[str, str] = OrderedDict()
        self._forgot_at = clock.now()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str, clock: Clock, fingerprint_key: bytes, seal_key: bytes, *, keep: timedelta) -> Vault:
        """The vault at the database `url`; made when there is none, and what is older than `keep` forgotten. Raises
        Unavailable."""
        engine = open_database(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _be_quick)
        try:
            vault_metadata.create_all(engine, checkfirst=True)
        except IntegrityError:
            pass  # another process made it at the same moment (PostgreSQL says so in this way)
        except SQLAlchemyError as error:
            raise Unavailable(f"the vault cannot be opened: {type(error).__name__}", hint="check its file") from error
        vault = cls(engine, clock, fingerprint_key, seal_key, keep=keep)
        vault.forget()
        return vault

    def names(self, values: Sequence[Value]) -> list[str]:
        prints = [self._fingerprints.of(value.entity, value.text) for value in values]
        with self._lock:
            known = {mark: name for mark in prints if (name := self._names.get(mark))}
        missing = {mark: value for mark, value in zip(prints, values, strict=True) if mark not in known}
        if missing:
            known |= self._allotted(missing)
        return [known[mark] for mark in prints]

    def reveal(self, name: str) -> str:
        """What `name` stands for. Only `guardrails.redaction.reveal` calls this. Raises NotFound."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(pseudonyms).where(pseudonyms.c.pseudonym == name)).one_or_none()
        if row is None or row.created_at < self._clock.now() - self._keep:
            raise NotFound(f"the vault does not hold {name}", hint="it was given elsewhere, or has been forgotten")
        if not row.sealed:
            raise NotFound(f"{name} is a secret, which is never kept", hint="revoke it where it was issued")
        return self._seal.open(name, row.sealed)

    def forget(self) -> int:
        """Removes what is older than it may be kept; how many. A value that comes again gets its name anew."""
        old = sa.delete(pseudonyms).where(pseudonyms.c.created_at < self._clock.now() - self._keep)
        with transaction(self._engine) as connection:
            forgotten = connection.execute(old).rowcount
        self._forgot_at = self._clock.now()
        return forgotten

    def _allotted(self, missing: Mapping[str, Value]) -> dict[str, str]:
        try:
            if self._clock.now() - self._forgot_at > _FORGETS_EVERY:
                self.forget()
            names = self._stored(missing)
        except (Unavailable, SQLAlchemyError, OSError):
            return {mark: pseudonym(value.entity, mark, UNKEPT_DIGITS) for mark, value in missing.items()}
        with self._lock:
            self._names.update(names)
            while len(self._names) > _REMEMBERED:
                self._names.popitem(last=False)
        return names

    def _stored(self, missing: Mapping[str, Value]) -> dict[str, str]:
        for _ in range(_TRIES):
            try:
                with transaction(self._engine) as connection:
                    return self._in(connection, missing)
            except IntegrityError:
                continue  # another process gave one of these names at the same moment: read it
        raise Unavailable("the vault is too busy")

    def _in(self, connection: Connection, missing: Mapping[str, Value]) -> dict[str, str]:
        marks = list(missing)
        named: dict[str, str] = {}
        for at in range(0, len(marks), _AT_ONCE):
            given = sa.select(pseudonyms.c.fingerprint, pseudonyms.c.pseudonym)
            held = connection.execute(given.where(pseudonyms.c.fingerprint.in_(marks[at : at + _AT_ONCE])))
            named |= {row.fingerprint: row.pseudonym for row in held}
        new = {mark: value for mark, value in missing.items() if mark not in named}
        taken = self._taken(connection, new)
        rows: list[dict[str, object]] = []
        for mark, value in new.items():
            name = next(
                candidate
                for digits in range(DIGITS, len(mark) + 1, 2)
                if (candidate := pseudonym(value.entity, mark, digits)) not in taken
            )
            taken.add(name)
            named[mark] = name
            rows.append(
                {
                    "pseudonym": name,
                    "entity": value.entity,
                    "fingerprint": mark,
                    "sealed": b"" if value.recognizer.secret else self._seal.close(name, value.text),
                    "created_at": self._clock.now(),
                }
            )
        if rows:
            connection.execute(sa.insert(pseudonyms), rows)
        return named

    def _taken(self, connection: Connection, new: Mapping[str, Value]) -> set[str]:
        """Names among those that the new values would like to have which others have."""
        wanted = {
            pseudonym(value.entity, mark, digits)
            for mark, value in new.items()
            for digits in range(DIGITS, UNKEPT_DIGITS, 2)
        }
        names = list(wanted)
        taken: set[str] = set()
        for at in range(0, len(names), _AT_ONCE):
            query = sa.select(pseudonyms.c.pseudonym).where(pseudonyms.c.pseudonym.in_(names[at : at + _AT_ONCE]))
            taken.update(connection.scalars(query))
        return taken


def _be_quick(connection: object, _record: object) -> None:
    """A text waits for this: two seconds for another writer, and no wait for the disk (what a power cut takes is a name
    or two that cannot be revealed)."""
    cursor = connection.cursor()  # type: ignore[attr-defined] - the driver's connection
    cursor.execute("PRAGMA busy_timeout=2000")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
