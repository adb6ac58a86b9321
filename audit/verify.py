"""Verifies the stored log against itself and against its signed checkpoints. Streams: memory does not grow with it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Protocol

from sqlalchemy.engine import Connection, Engine

from audit import merkle
from audit.chain import TreeHead, has_intake, split_frontier
from audit.checkpoint import parse_note
from audit.leaf import Leaf
from audit.publish import stored_notes
from audit.replay import (
    Replay,
    StoredEntry,
    VerificationReport,
    expected_roots,
    fork_among,
    seconds_between,
    truncation,
)
from audit.scan import Scanned, scan, select_rows
from audit.sequencer import pending
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
        stored = stored_notes(connection)
        waiting = pending(connection) if has_intake(connection) else 0
    try:
        heads = heads_of([*stored, *notes], signer)
    except InvalidInput as error:
        return VerificationReport(ok=False, entries=0, root_hash="", pending=waiting, problem=error.message)
    expected = expected_roots(heads)
    if fork_among(expected) is None:
        held = scan(engine, frozenset(expected))
        if held is not None and (report := _agrees(held, expected, waiting)) is not None:
            return report
    replay = Replay(heads)
    with reading(engine) as connection, closing(stream_entries(connection)) as stored_entries:
        for entry in stored_entries:
            if not replay.feed(entry):
                break
    return replay.report(pending=waiting)


def stream_entries(connection: Connection) -> Generator[StoredEntry]:
    """Every row in order, in batches."""
    streamed = connection.execution_options(yield_per=_BATCH)
    with streamed.exec_driver_sql(select_rows(connection)) as rows:
        for row in rows:
            *leaf, leaf_hash, frontier = tuple(row)
            yield StoredEntry(Leaf(*leaf), leaf_hash, frontier)


def heads_of(notes: Iterable[str], signer: NoteChecking | None) -> list[TreeHead]:
    """What `notes` vouch for, each checked once however many copies there are of it.

    Raises InvalidInput for one that is malformed or, with `signer`, not signed by it.
    """
    return [parse_note(note) if signer is None else signer.verify(note) for note in _distinct(notes)]


def _distinct(notes: Iterable[str]) -> list[str]:
    """`notes` without those that another one repeats, perhaps with the signatures of witnesses added."""
    ordered = sorted(set(notes))
    return [note for note, after in zip(ordered, [*ordered[1:], ""], strict=False) if not _repeats(after, note)]


def _repeats(longer: str, note: str) -> bool:
    return "\n\n— " in note and note.endswith("\n") and longer.startswith(note)


def _agrees(held: list[Scanned], expected: dict[int, set[str]], waiting: int) -> VerificationReport | None:
    """The report of a log that holds; None when a checkpoint does not fit it."""
    size = held[-1].end.size if held else 0
    roots = {size: root for part in held for size, root in part.roots.items()}
    if truncation(expected, size) or any(roots[at] not in expected[at] for at in expected if at):
        return None
    steps, largest, before = 0, 0.0, ""
    for part in held:
        across = seconds_between(part.first_at, before) if part.first_at < before else 0.0
        steps += part.steps_back + (across > 0)
        largest, before = max(largest, part.largest_step_back_seconds, across), part.last_at
    return VerificationReport(
        ok=True,
        entries=size,
        root_hash=merkle.root_of(split_frontier(held[-1].end.peaks) if held else ()).hex(),
        checkpoints=sum(len(claimed) for claimed in expected.values()),
        covered=max(expected, default=0),
        pending=waiting,
        steps_back=steps,
        largest_step_back_seconds=largest,
    )
