"""Signs the audit log's head from time to time, has it witnessed and anchored, and verifies the log by all of that."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from audit.anchor import FIRST_ANCHOR, Anchor, AnchorSchedule, FileAnchor
from audit.cosignature import CosignatureVerifier, WitnessedNotes
from audit.proofs import Extension, prove_extension
from audit.publish import CheckpointPublisher, cosigned_size, read_notes, store_cosignature
from audit.replay import VerificationReport
from audit.sequencer import sequencing
from audit.stored_tree import stored_tree
from audit.verify import verify_log
from foundation.errors import VigiaError
from foundation.telemetry.logs import get_logger
from foundation.telemetry.metrics import audit_checkpoint_age
from interfaces.bootstrap.foundations import Foundations
from interfaces.witnesses import ask_witness, http_post

log = get_logger(__name__)


def make_publisher(base: Foundations) -> CheckpointPublisher:
    return CheckpointPublisher(base.engine, base.clock, base.signer(), copy_to=base.checkpoint_copies)


def verify_stored_log(base: Foundations, *, anchors: Sequence[Path] = ()) -> VerificationReport:
    """The log against itself, the checkpoints stored with it, their copies outside the database, which show that
    entries and checkpoints were cut off together, and any `anchors` (files that hold checkpoints). A copy or an anchor
    that should be there and is not is a problem: taking it away is cheaper than forging it. Raises Unavailable.
    """
    checking = checking_notes(base)
    anchored = base.settings.audit.anchor_file
    kept = [base.checkpoint_copies, *([anchored] if anchored is not None else [])]
    gone = [path for path in kept if not path.exists()]
    # Read before the entries: a checkpoint signed in between vouches for more than the entries read.
    notes = [note for path in (*kept, *anchors) if path not in gone for note in read_notes(path)]
    report = checking.report(verify_log(base.engine, signer=checking, notes=notes))
    if report.ok and gone:
        hint = FIRST_ANCHOR if gone == [anchored] else "it was made with the log's key and is never removed"
        problem = f"checkpoints kept in {str(gone[0])!r} cannot be compared: the file is not there ({hint})"
        return report.model_copy(update={"ok": False, "problem": problem})
    return report


def checking_notes(base: Foundations) -> WitnessedNotes:
    settings = base.settings.audit
    witnesses = [CosignatureVerifier.from_key(witness.key) for witness in settings.witnesses.values()]
    return WitnessedNotes(base.signer().verifier, witnesses, quorum=settings.quorum or None)


@contextmanager
def signing_checkpoints(
    base: Foundations, stop: threading.Event, *, anchors: dict[str, Anchor] | None = None
) -> Generator[None]:
    """While the block runs: entries are sequenced, a checkpoint is signed as often as the settings say and at its end,
    witnessed, copied beside the database and posted to the anchors."""
    settings, publisher = base.settings.audit, make_publisher(base)
    places = dict(anchors or {})
    if settings.anchor_file is not None:
        places["file"] = FileAnchor(settings.anchor_file)
    schedule = AnchorSchedule(places, every_seconds=settings.anchor_minutes * 60)
    signed_at = time.monotonic()
    audit_checkpoint_age.set_function(lambda: time.monotonic() - signed_at)

    def sign(*, last: bool) -> None:
        nonlocal signed_at
        note = publisher.publish()
        signed_at = time.monotonic()
        note += collect_cosignatures(base, note)
        for name, failure in schedule.offer(note, now=last).items():
            if failure is not None:
                log.warning("the audit head was not anchored", anchor=name, reason=failure.message)

    def publish(*, last: bool = False) -> None:
        try:
            sign(last=last)
        except VigiaError as error:
            log.warning("no checkpoint was signed", reason=error.message)
        except Exception:
            # Clients of chats and witnesses raise what they like: the next head is signed all the same.
            log.exception("a checkpoint was not signed, or not handed on")

    def repeat() -> None:
        publish()
        while not stop.wait(settings.checkpoint_seconds):
            publish()

    thread = threading.Thread(target=repeat, name="audit-checkpoints", daemon=True)
    with sequencing(base.engine, stop):
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=5)
    publish(last=True)


def collect_cosignatures(base: Foundations, note: str) -> str:
    """Signature lines of every witness that signs `note` now; what a witness refuses is logged, not raised."""

    def prove(old_size: int) -> Extension:
        with stored_tree(base.engine) as tree:
            return prove_extension(tree, old_size, note)

    lines = ""
    for name, settings in base.settings.audit.witnesses.items():
        try:
            witness = CosignatureVerifier.from_key(settings.key)
            last = cosigned_size(base.engine, witness.name)
            if last == int(note.split("\n")[1]):
                continue
            line = ask_witness(prove, note, witness, http_post(str(settings.url)), last_size=last)
            store_cosignature(base.engine, base.clock, note, witness.name, line)
            lines += line
        except VigiaError as error:
            log.warning("the checkpoint was not cosigned", witness=name, reason=error.message)
    return lines
