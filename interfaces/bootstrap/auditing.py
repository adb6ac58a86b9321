"""What `vigia audit` does with the log: prove, export, tell, shred, and talk to witnesses."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from agents.incident.story import IncidentStory, tell_incident
from audit.chain import TreeHead
from audit.checkpoint import NoteVerifier, find_notes, parse_note
from audit.cosignature import CosignatureVerifier, WitnessedNotes
from audit.entry import AuditEntry
from audit.export import export_log, read_entries, verify_export
from audit.proofs import (
    Extension,
    InclusionProof,
    check_extension,
    check_inclusion,
    prove_extension,
    prove_inclusion,
    read_extension,
    read_inclusion,
)
from audit.publish import read_notes, stored_notes
from audit.replay import VerificationReport
from audit.stored_tree import stored_tree
from foundation.database import reading
from foundation.errors import Forbidden, InvalidInput, NotFound, Unavailable
from interfaces.bootstrap.checkpoints import collect_cosignatures, make_publisher, verify_stored_log
from interfaces.bootstrap.foundations import open_existing
from interfaces.bootstrap.redaction import redactor
from interfaces.principals import open_directory
from interfaces.settings import Settings


def verify_here(settings: Settings, *, anchors: list[Path]) -> VerificationReport:
    return verify_stored_log(open_existing(settings), anchors=anchors)


def verify_file(
    path: Path, *, key: str | None, anchors: list[Path], witnesses: list[str], quorum: int | None
) -> VerificationReport:
    """An export on its own. Without `key`, checkpoints are taken at their word."""
    notes = [note for anchor in anchors for note in read_notes(anchor)]
    if key is None:
        if witnesses:
            raise InvalidInput("witnesses vouch for a log that is known", hint="give --key too")
        return verify_export(path, notes=notes)
    checking = notes_checking(key, witnesses, quorum)
    return checking.report(verify_export(path, signer=checking, notes=notes))


def notes_checking(key: str, witnesses: list[str], quorum: int | None = None) -> WitnessedNotes:
    known = [CosignatureVerifier.from_key(witness) for witness in witnesses]
    return WitnessedNotes(NoteVerifier.from_key(key), known, quorum=quorum)


def verify_proof(
    path: Path,
    *,
    key: str,
    leaf_hash: str | None,
    old: Path | None,
    witnesses: list[str],
    quorum: int | None = None,
) -> TreeHead:
    """A proof on its own: of the entry with `leaf_hash`, or that the checkpoint in `old` was continued.

    With witnesses, the proof's own checkpoint must have the signatures of `quorum` of them (of all when None).
    """
    checking = notes_checking(key, witnesses, quorum)
    text = read_text(path)
    if old is not None:
        before = find_notes(read_text(old))
        if not before:
            raise InvalidInput(f"{str(old)!r} holds no checkpoint")
        growth = read_extension(text)
        head = check_extension(growth, checking.verify(before[-1]), checking)
        checking.require_quorum(growth.note)
        return head
    if leaf_hash is None:
        raise InvalidInput("a proof of what?", hint="give --leaf-hash of the entry, or --old with a checkpoint")
    proof = read_inclusion(text)
    head = check_inclusion(proof, leaf_hash, checking)
    checking.require_quorum(proof.note)
    return head


def prove_entry(settings: Settings, sequence: int, *, size: int | None) -> tuple[InclusionProof, str]:
    """The proof, and the entry's leaf hash. In the newest checkpoint, or in the one of `size`."""
    base = open_existing(settings)
    with stored_tree(base.engine) as tree:
        if not 0 <= sequence < tree.size:
            raise NotFound(f"the audit log has no entry {sequence}: it has {tree.size}")
    note = _note(settings, size)
    with stored_tree(base.engine) as tree:
        return prove_inclusion(tree, sequence, note), tree.leaf_hash(sequence)


def prove_growth(settings: Settings, old: int, *, size: int | None) -> Extension:
    note = _note(settings, size)
    with stored_tree(open_existing(settings).engine) as tree:
        return prove_extension(tree, old, note)


def checkpoint_now(settings: Settings) -> str:
    """Signed, stored, copied, and with the signatures of the witnesses that answer."""
    base = open_existing(settings)
    note = make_publisher(base).publish()
    return note + collect_cosignatures(base, note)


def verifier_key(settings: Settings) -> str:
    return open_existing(settings).signer().verifier.verifier_key


def export_here(settings: Settings, stream: IO[str]) -> int:
    base = open_existing(settings)
    return export_log(base.engine, stream, shredded=base.sealing.shredded)


def incident_story(settings: Settings, reference: str, *, export: Path | None) -> IncidentStory:
    entries = read_entries(export) if export else open_existing(settings).audit.entries()
    return tell_incident(entries, reference)


def stored_entries(settings: Settings, *, start: int, limit: int) -> list[AuditEntry]:
    return open_existing(settings).audit.entries(start=start, limit=limit)


def shred_person(settings: Settings, person: str, *, reason: str, key: str) -> int:
    """How many keys were destroyed. Raises Forbidden for anybody but an admin."""
    base = open_existing(settings)
    principal = open_directory(settings.principals_file, settings.environment).by_api_key(key)
    if "admin" not in principal.roles_in(None):
        raise Forbidden(f"{principal.id} may not shred what is personal", hint="this takes an admin of all tenants")
    told = redactor(settings).redact(reason)
    return base.sealing.shred(base.engine, base.audit, person, reason=told, actor=principal.id)


def read_text(path: Path) -> str:
    """Raises Unavailable."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"{str(path)!r} cannot be read: {error}") from error


def _note(settings: Settings, size: int | None) -> str:
    if size is None:
        return checkpoint_now(settings)
    with reading(open_existing(settings).engine) as connection:
        for note in stored_notes(connection):
            if parse_note(note).size == size:
                return note
    raise NotFound(f"no checkpoint of {size} entries was signed", hint="leave --size out for a fresh one")
