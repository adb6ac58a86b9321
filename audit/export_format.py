"""What a line of an export may hold, and nothing beside it: a name that is repeated, or unknown, is read by somebody
as something that was never hashed."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeGuard, cast

from pydantic import ValidationError

from audit.entry import AuditRecord
from audit.leaf import Leaf, parse_json
from audit.replay import StoredEntry
from audit.sealing import boxes_in
from foundation.canonical import canonical_bytes
from foundation.errors import InvalidInput

_LINE, _SHREDDED = {"entry", "leaf_hash"}, "shredded"
_ENTRY = {"previous_hash", "record", "recorded_at", "sequence"}
_CHECKPOINT = b'{"checkpoint"'


class Line(NamedTuple):
    entry: dict[str, Any]
    leaf_hash: str


def note_of(line: bytes) -> str | None:
    """The checkpoint of a checkpoint's line, None for any other. Raises InvalidInput for one that is damaged."""
    if not line.startswith(_CHECKPOINT):
        return None
    document = _document(line)
    note = document["checkpoint"]
    if set(document) != {"checkpoint"} or not isinstance(note, str):
        raise InvalidInput(f"a checkpoint's line holds a checkpoint and nothing else: it starts with {line[:60]!r}")
    return note


def line_of(line: bytes) -> Line:
    """Raises InvalidInput for what is not exactly the line of an entry."""
    document = _document(line)
    entry, leaf_hash, gone = document.get("entry"), document.get("leaf_hash"), document.get(_SHREDDED)
    if not (
        set(document) - {_SHREDDED} == _LINE
        and isinstance(leaf_hash, str)
        and _is_entry(entry)
        and (_SHREDDED not in document or _are_sealed(gone, entry["record"]["payload"]))
    ):
        raise _no_line(line)
    return Line(entry, leaf_hash)


def entry_of(line: bytes) -> StoredEntry:
    """Raises InvalidInput."""
    entry, leaf_hash = line_of(line)
    try:
        record = AuditRecord.model_validate(entry["record"])
        payload = canonical_bytes(record.payload).decode()
    except (ValidationError, RecursionError) as error:
        raise _no_line(line) from error
    leaf = Leaf(
        sequence=entry["sequence"],
        recorded_at=entry["recorded_at"],
        payload=payload,
        previous_hash=entry["previous_hash"],
        **record.model_dump(exclude={"payload"}),
    )
    return StoredEntry(leaf, leaf_hash, None)


def _is_entry(entry: object) -> TypeGuard[dict[str, Any]]:
    if not isinstance(entry, dict):
        return False
    given = cast("dict[str, Any]", entry)
    if set(given) != _ENTRY or not isinstance(given["record"], dict):
        return False
    record = cast("dict[str, Any]", given["record"])
    return (
        type(given["sequence"]) is int
        and all(isinstance(given[name], str) for name in ("previous_hash", "recorded_at"))
        and set(record) == set(AuditRecord.model_fields)
        and isinstance(record["payload"], dict)
    )


def _are_sealed(names: Any, payload: dict[str, Any]) -> bool:
    """Whether these are fields of the payload that are sealed, each once."""
    if not isinstance(names, list) or not names:
        return False
    listed = cast("list[Any]", names)
    sealed = boxes_in(payload)
    return all(isinstance(name, str) and name in sealed for name in listed) and len(set(listed)) == len(listed)


def _document(line: bytes) -> dict[str, Any]:
    try:
        return parse_json(line.decode(), unique=True)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"a line of the export is not UTF-8: {error}") from error


def _no_line(line: bytes) -> InvalidInput:
    return InvalidInput(f"not a line of an audit export: it starts with {line[:60]!r}")
