"""Makes a checkpoint of the log as it stands, and keeps a copy where the database's owner cannot reach it."""

from __future__ import annotations

import os
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from audit.chain import TreeHead
from audit.checkpoint import CheckpointSigner, find_notes, parse_note
from audit.log import SqlAuditLog
from audit.tables import audit_checkpoints, audit_cosignatures
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Unavailable


class CheckpointPublisher:
    """Signs the log's head and stores the note. Call `publish` from time to time.

    With `copy_to`, each note is also appended to that file, meant to lie on other storage; `read_notes` gives them
    back to `verify_log(notes=…)`.
    """

    def __init__(self, engine: Engine, clock: Clock, signer: CheckpointSigner, *, copy_to: Path | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._signer = signer
        self._copy_to = copy_to

    def publish(self) -> str:
        """The signed note of the current head; the stored one when the log has not grown since. Raises Unavailable."""
        head = SqlAuditLog(self._engine, self._clock).head()
        existing = self._stored(head)
        if existing is not None:
            return existing
        note = self._signer.sign(head)
        try:
            with transaction(self._engine) as connection:
                connection.execute(
                    sa.insert(audit_checkpoints).values(size=head.size, signed_at=self._clock.now(), note=note)
                )
        except IntegrityError:
            return note  # another process signed the same head in the meantime: Ed25519 gave it the same note
        if self._copy_to is not None:
            _append(self._copy_to, note)
        return note

    def _stored(self, head: TreeHead) -> str | None:
        with reading(self._engine) as connection:
            return connection.scalar(sa.select(audit_checkpoints.c.note).where(audit_checkpoints.c.size == head.size))


def stored_notes(connection: Connection) -> list[str]:
    """Every stored checkpoint with the signatures of its witnesses, smallest tree first."""
    signed = connection.execute(sa.select(audit_checkpoints.c.size, audit_checkpoints.c.note))
    notes = {row.size: str(row.note) for row in signed}
    for row in connection.execute(sa.select(audit_cosignatures).order_by(audit_cosignatures.c.witness)):
        if row.size in notes:
            notes[row.size] += row.line
    return [notes[size] for size in sorted(notes)]


def read_notes(path: Path) -> list[str]:
    """The notes that `CheckpointPublisher` appended to `path`, oldest first; one begun and not ended is left out.

    Raises Unavailable when the file is there and cannot be read.
    """
    try:
        return find_notes(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"the checkpoints in {str(path)!r} cannot be read: {error}") from error


def store_cosignature(engine: Engine, clock: Clock, note: str, witness: str, line: str) -> bool:
    """Keep what `witness` answered for the checkpoint `note`; False if it had signed that one before."""
    row = {"size": parse_note(note).size, "witness": witness, "cosigned_at": clock.now(), "line": line}
    try:
        with transaction(engine) as connection:
            connection.execute(sa.insert(audit_cosignatures).values(row))
    except IntegrityError:
        return False
    return True


def cosigned_size(engine: Engine, witness: str) -> int:
    """Entries in the largest tree that `witness` has signed; 0 when there is none."""
    query = sa.select(sa.func.max(audit_cosignatures.c.size)).where(audit_cosignatures.c.witness == witness)
    with reading(engine) as connection:
        return connection.scalar(query) or 0


def _append(path: Path, note: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{note}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unavailable(f"the checkpoint could not be copied to {str(path)!r}: {error}") from error
