"""The log as JSON lines, to be kept or handed over, and its verification without any database.

One line per entry, `{"entry": {"previous_hash", "record": {…}, "recorded_at", "sequence"}, "leaf_hash": "…"}`, then one
line `{"checkpoint": "<signed note>"}` per stored checkpoint. The RFC 8785 form of `entry` is exactly what is hashed, so
anybody with SHA-256 can check it, with this program or their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Engine

from audit.entry import AuditRecord
from audit.leaf import Leaf, parse_json
from audit.replay import Replay, StoredEntry, VerificationReport
from audit.tables import audit_checkpoints
from audit.verify import NoteChecking, heads_of, stream_entries
from foundation.canonical import canonical_bytes
from foundation.database import reading
from foundation.errors import InvalidInput, Unavailable


def export_log(engine: Engine, stream: IO[str]) -> int:
    """Write the whole log to `stream`; the number of entries. Raises Unavailable."""
    count = 0
    with reading(engine) as connection:
        notes = connection.scalars(sa.select(audit_checkpoints.c.note).order_by(audit_checkpoints.c.size)).all()
        for entry in stream_entries(connection):
            stream.write(f'{{"entry":{entry.leaf.encoded().decode()},"leaf_hash":"{entry.leaf_hash}"}}\n')
            count += 1
    for note in notes:
        stream.write(f"{json.dumps({'checkpoint': note}, ensure_ascii=False)}\n")
    return count


def verify_export(path: Path, *, signer: NoteChecking | None = None, notes: Iterable[str] = ()) -> VerificationReport:
    """As `audit.verify.verify_log`, over an export. Raises Unavailable when the file cannot be read."""
    try:
        # Two passes, so that checkpoints at the end are known before the entries they vouch for; nothing is kept.
        with path.open(encoding="utf-8") as file:
            stored = [note for line in file if (note := _note(line)) is not None]
        replay = Replay(heads_of([*stored, *notes], signer))
        with path.open(encoding="utf-8") as file:
            for line in file:
                if _note(line) is None and not replay.feed(_entry(line)):
                    break
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"the export {str(path)!r} cannot be read: {error}") from error
    except InvalidInput as error:
        return VerificationReport(ok=False, entries=0, root_hash="", problem=error.message)
    return replay.report()


def _note(line: str) -> str | None:
    return str(parse_json(line).get("checkpoint", "")) if line.startswith('{"checkpoint"') else None


def _entry(line: str) -> StoredEntry:
    document: dict[str, Any] = parse_json(line)
    try:
        entry, leaf_hash = document["entry"], document["leaf_hash"]
        record = AuditRecord.model_validate(entry["record"])
        leaf = Leaf(
            sequence=int(entry["sequence"]),
            recorded_at=str(entry["recorded_at"]),
            payload=canonical_bytes(record.payload).decode(),
            previous_hash=str(entry["previous_hash"]),
            **record.model_dump(exclude={"payload"}),
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise InvalidInput(f"not a line of an audit export: {error}", hint=f"it starts with {line[:80]!r}") from error
    return StoredEntry(leaf, str(leaf_hash), None)
