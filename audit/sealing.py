"""Personal fields under a key of the person's own: destroying the key erases them, and every proof stays valid.

What is hashed is the ciphertext, so nothing in the log changes when a key is destroyed. `{"sealed": <key id>, "box":
<base64 of nonce and ciphertext>}` stands where the value was: AES-256-GCM, bound to action, field and key. Keys are
random, one per person, stored encrypted under the key file; the row names the person by a keyed digest only. What was
exported before the shredding holds ciphertext too; only a backup of the keys together with the key file can be read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Any, cast

import orjson
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.engine import Connection, Engine

from audit.entry import AuditEntry, AuditRecord
from audit.kinds import personal_fields
from audit.leaf import parse_json
from audit.port import AuditLog, Sealing
from audit.tables import audit_subject_keys
from foundation.clock import Clock
from foundation.database import transaction
from foundation.errors import InvalidInput, NotFound
from foundation.ids import new_id
from foundation.reasons import reason_for

SHREDDED = "(shredded)"
"""What stands in a view for a value whose key was destroyed."""

_NONCE = 12
_keys = audit_subject_keys.c


class SubjectSealing(Sealing):
    """Seals the personal fields of each kind (`audit.kinds`) for the entry's actor. `master` is 32 bytes, asked for
    when first needed."""

    def __init__(self, master: Callable[[], bytes], clock: Clock) -> None:
        self._master = master
        self._clock = clock

    def sealed(self, connection: Connection, record: AuditRecord) -> AuditRecord:
        fields = [name for name in personal_fields(record.action) if record.payload.get(name) is not None]
        if not fields:
            return record
        key_id, key = self._key_of(connection, record.actor)
        boxes = {name: _box(key, key_id, record.action, name, record.payload[name]) for name in fields}
        return record.model_copy(update={"payload": record.payload | boxes})

    def opened(self, connection: Connection, entry: AuditEntry) -> AuditEntry:
        """`entry` with its sealed fields as they were written, or `SHREDDED`."""
        record = entry.record
        boxes = boxes_in(record.payload)
        if not boxes:
            return entry
        values = {name: self._open(connection, record.action, name, box) for name, box in boxes.items()}
        return entry.model_copy(update={"record": record.model_copy(update={"payload": record.payload | values})})

    def shredded(self, connection: Connection, payload: str) -> list[str]:
        """Fields of a payload (canonical JSON text) whose key is gone."""
        if '"sealed"' not in payload:
            return []
        boxes = boxes_in(parse_json(payload))
        return sorted(name for name, box in boxes.items() if self._stored_key(connection, box["sealed"]) is None)

    def shred(self, engine: Engine, log: AuditLog, person: str, *, reason: str, actor: str) -> int:
        """Destroy every key of `person`, with its entry, in one transaction; how many there were.

        `reason` is kept in the log for good: it does not name the person. Raises InvalidInput for one that is none,
        NotFound when nothing is sealed for them, Unavailable when it could not be recorded: then nothing is destroyed.
        """
        reason = reason_for("shredding", reason)
        digest = self._digest(person)
        with transaction(engine) as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            destroyed = connection.execute(
                sa.update(audit_subject_keys)
                .where(_keys.subject_hash == digest, _keys.wrapped_key.is_not(None))
                .values(wrapped_key=None, destroyed_at=self._clock.now())
            ).rowcount
            if destroyed == 0:
                raise NotFound(f"nothing is sealed for {person!r}", hint="a principal's id, e.g. human:alice")
            payload = {"subject_hash": digest, "keys": destroyed, "reason": reason}
            record = AuditRecord(
                action="subject.shredded", actor=actor, subject=f"person:{digest[:16]}", payload=payload
            )
            log.append(record, connection=connection)
        if engine.dialect.name == "sqlite":
            # The key's bytes are in the write-ahead log until it is written back and cut.
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT", vigia_deferred=True) as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")
        return destroyed

    def _key_of(self, connection: Connection, person: str) -> tuple[str, bytes]:
        digest = self._digest(person)
        query = sa.select(_keys.key_id).where(_keys.subject_hash == digest, _keys.wrapped_key.is_not(None))
        key_id = connection.scalar(query.order_by(_keys.key_id).limit(1))
        if key_id is not None:
            key = self._stored_key(connection, key_id)
            if key is not None:
                return key_id, key
        key_id, key = new_id("sbk"), AESGCM.generate_key(256)
        nonce = os.urandom(_NONCE)
        connection.execute(
            sa.insert(audit_subject_keys).values(
                key_id=key_id,
                subject_hash=digest,
                wrapped_key=nonce + AESGCM(self._wrapping()).encrypt(nonce, key, key_id.encode()),
                created_at=self._clock.now(),
            )
        )
        return key_id, key

    def _stored_key(self, connection: Connection, key_id: str) -> bytes | None:
        wrapped = connection.scalar(sa.select(_keys.wrapped_key).where(_keys.key_id == key_id))
        if wrapped is None:
            return None
        try:
            return AESGCM(self._wrapping()).decrypt(bytes(wrapped[:_NONCE]), bytes(wrapped[_NONCE:]), key_id.encode())
        except InvalidTag as error:
            raise InvalidInput(
                "the sealing key file is not the one that personal fields were sealed with",
                hint="restore it from a backup; nothing was written",
            ) from error

    def _open(self, connection: Connection, action: str, name: str, box: dict[str, str]) -> Any:
        key = self._stored_key(connection, box["sealed"])
        if key is None:
            return SHREDDED
        try:
            raw = base64.b64decode(box["box"], validate=True)
            bound = _bound(action, name, box["sealed"])
            return orjson.loads(AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], bound))
        except (InvalidTag, ValueError):
            return box  # not what we wrote: shown as it lies there

    def _digest(self, person: str) -> str:
        return hmac.new(self._master(), f"subject:{person}".encode(), hashlib.sha256).hexdigest()

    def _wrapping(self) -> bytes:
        return hmac.new(self._master(), b"wrapping", hashlib.sha256).digest()


def _box(key: bytes, key_id: str, action: str, name: str, value: Any) -> dict[str, str]:
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(key).encrypt(nonce, orjson.dumps(value), _bound(action, name, key_id))
    return {"sealed": key_id, "box": base64.b64encode(nonce + sealed).decode()}


def boxes_in(payload: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The sealed fields of a payload."""
    return {
        name: cast(dict[str, str], value)
        for name, value in payload.items()
        if isinstance(value, dict) and set(cast(dict[str, Any], value)) == {"sealed", "box"}
    }


def _bound(action: str, name: str, key_id: str) -> bytes:
    return f"{action}\n{name}\n{key_id}".encode()
