"""Signs the audit log's head from time to time, keeps copies beside the database, and verifies the log by them."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from audit.publish import CheckpointPublisher, read_notes
from audit.replay import VerificationReport
from audit.verify import verify_log
from foundation.errors import VigiaError
from foundation.telemetry.logs import get_logger
from interfaces.bootstrap.foundations import Foundations

log = get_logger(__name__)
EVERY_SECONDS = 15.0
"""On the wall. What came after the newest checkpoint could be cut off unseen."""


def make_publisher(base: Foundations) -> CheckpointPublisher:
    return CheckpointPublisher(base.engine, base.clock, base.signer(), copy_to=_copies(base))


def verify_stored_log(base: Foundations) -> VerificationReport:
    """The log against itself, the checkpoints stored with it and their copies outside the database, which show that
    entries and checkpoints were cut off together. Raises Unavailable."""
    copies = _copies(base)
    # Read before the entries: a checkpoint signed in between vouches for more than the entries read.
    notes = read_notes(copies) if copies.exists() else []
    return verify_log(base.engine, signer=base.signer(), notes=notes)


def _copies(base: Foundations) -> Path:
    return base.settings.data_dir / "checkpoints.txt"


@contextmanager
def signing_checkpoints(base: Foundations, stop: threading.Event) -> Generator[None]:
    """While the block runs, a checkpoint every `EVERY_SECONDS`, and one at its end. Copies go beside the database."""
    publisher = make_publisher(base)

    def publish() -> None:
        try:
            publisher.publish()
        except VigiaError as error:
            log.warning("no checkpoint was signed", reason=error.message)

    def repeat() -> None:
        while not stop.wait(EVERY_SECONDS):
            publish()

    thread = threading.Thread(target=repeat, name="audit-checkpoints", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
        publish()
