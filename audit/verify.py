"""Verifies the stored log against itself and against its signed checkpoints. Streams: memory does not grow with it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from audit.checkpoint import parse_note
from audit.leaf import Leaf, iso
from audit.log import TreeHead
from audit.replay import Replay, StoredEntry, VerificationReport
from audit.tables import audit_checkpoints, audit_entries
from foundation.database import reading
from foundation.errors import InvalidInput

_BATCH = 2000


class NoteChecking(Protocol):
    """A CheckpointSigner or a NoteVerifier."""

    def verify(self, text: str) -> TreeHead: ...


def verify_log(engine: Engine, *, signer: NoteChecking | None = None, notes: Iterable[str] = ()) -> VerificationReport:
    """Recompute chain, leaf hashes and tree, and compare with every checkpoint, stored or supplied as `notes`.

    With `signer` each checkpoint's signature is checked too; without it they are taken at their word. Notes kept
    outside the database are what shows that entries and checkpoints were cut off together. Raises Unavailable when
    the database does not answer.
    """
    with reading(engine) as connection:
        stored = connection.scalars(sa.select(audit_checkpoints.c.note).order_by(audit_checkpoints.c.size)).all()
        try:
            replay = Replay(heads_of([*stored, *notes], signer))
        except InvalidInput as error:
            return VerificationReport(ok=False, entries=0, root_hash="", problem=error.message)
        with closing(stream_entries(connection)) as stored_entries:
            for entry in stored_entries:
                if not replay.feed(entry):
                    break
    return replay.report()


def stream_entries(connection: Connection) -> Generator[StoredEntry]:
    """Every row in order, in batches."""
    table = audit_entries.c
    leaf_columns = [table[name] for name in Leaf._fields]
    query = sa.select(*leaf_columns, table.leaf_hash, table.frontier).order_by(table.sequence)
    with connection.execution_options(yield_per=_BATCH).execute(query) as rows:
        for row in rows:
            sequence, recorded_at, *text, leaf_hash, frontier = tuple(row)
            yield StoredEntry(Leaf(sequence, iso(recorded_at), *text), leaf_hash, frontier)


def heads_of(notes: Iterable[str], signer: NoteChecking | None) -> list[TreeHead]:
    """What `notes` vouch for. Raises InvalidInput for one that is malformed or, with `signer`, not signed by it."""
    return [parse_note(note) if signer is None else signer.verify(note) for note in notes]
