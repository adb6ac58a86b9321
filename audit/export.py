"""The log as JSON lines, to be kept or handed over, and its verification without any database.

One line per entry, `{"entry": {"previous_hash", "record": {…}, "recorded_at", "sequence"}, "leaf_hash": "…"}`, then one
line `{"checkpoint": "<signed note>"}` per stored checkpoint, the witnesses' signatures with it. The RFC 8785 form of
`entry` is exactly what is hashed, so anybody with SHA-256 can check it, with this program or their own. A line whose
sealed fields can no longer be opened says so in `"shredded": ["<field>", …]`, which is not hashed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from pydantic import ValidationError
from sqlalchemy.engine import Connection, Engine

from audit.entry import AuditEntry
from audit.export_format import entry_of, line_of, note_of
from audit.export_lines import LineReading
from audit.publish import stored_notes
from audit.replay import Replay, VerificationReport, expected_roots
from audit.sequencer import integrate_if_allowed
from audit.verify import NoteChecking, heads_of, stream_entries
from foundation.database import reading
from foundation.errors import InvalidInput, Unavailable

_CHECKPOINT = b'{"checkpoint"'

Shredded = Callable[[Connection, str], list[str]]
"""Which fields of a payload (canonical JSON text) can no longer be opened."""


def nothing_sealed(_connection: Connection, _payload: str) -> list[str]:
    return []


def export_log(engine: Engine, stream: IO[str], *, shredded: Shredded = nothing_sealed) -> int:
    """Write the whole log to `stream`; the number of entries. Raises Unavailable."""
    integrate_if_allowed(engine)
    count = 0
    with reading(engine) as connection, closing(stream_entries(connection)) as entries:
        notes = stored_notes(connection)
        for entry in entries:
            gone = shredded(connection, entry.leaf.payload)
            more = f',"shredded":{json.dumps(gone)}' if gone else ""
            stream.write(f'{{"entry":{entry.leaf.encoded().decode()},"leaf_hash":"{entry.leaf_hash}"{more}}}\n')
            count += 1
    for note in notes:
        stream.write(f"{json.dumps({'checkpoint': note}, ensure_ascii=False)}\n")
    return count


def verify_export(path: Path, *, signer: NoteChecking | None = None, notes: Iterable[str] = ()) -> VerificationReport:
    """As `audit.verify.verify_log`, over an export. Raises Unavailable when the file cannot be read."""
    try:
        with _opened(path) as file:
            # Two passes, so that checkpoints at the end are known before the entries they vouch for.
            stored = [note for line in file if line.startswith(_CHECKPOINT) and (note := note_of(line)) is not None]
            heads = heads_of([*stored, *notes], signer)
            file.seek(0)
            report = LineReading(expected_roots(heads)).report(file)
            if report is None:
                file.seek(0)
                report = _replayed(Replay(heads), file)
    except InvalidInput as error:
        return VerificationReport(ok=False, entries=0, root_hash="", problem=error.message)
    return report


def read_entries(path: Path) -> Generator[AuditEntry]:
    """The entries of an export as they are written, unverified. Raises Unavailable, InvalidInput."""
    with _opened(path) as file:
        for line in file:
            if note_of(line) is None:
                entry, leaf_hash = line_of(line)
                try:
                    yield AuditEntry.model_validate({**entry, "leaf_hash": leaf_hash})
                except ValidationError as error:
                    raise InvalidInput(f"not a line of an audit export: it starts with {line[:60]!r}") from error


def _replayed(replay: Replay, lines: Iterable[bytes]) -> VerificationReport:
    """Line by line, whatever wrote them, to find the first that is wrong."""
    for line in lines:
        try:
            if note_of(line) is None and not replay.feed(entry_of(line)):
                break
        except InvalidInput as error:
            replay.refuse(error.message)
            break
    return replay.report()


@contextmanager
def _opened(path: Path) -> Generator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise Unavailable(f"the export {str(path)!r} cannot be read: {error}") from error
