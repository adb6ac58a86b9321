"""Signs the audit log's head from time to time, so that cutting off its end shows."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from audit.publish import CheckpointPublisher
from foundation.errors import VigiaError
from foundation.telemetry.logs import get_logger
from interfaces.bootstrap.foundations import Foundations

log = get_logger(__name__)
EVERY_SECONDS = 15.0
"""On the wall. What came after the newest checkpoint could be cut off unseen."""


@contextmanager
def signing_checkpoints(base: Foundations, stop: threading.Event) -> Generator[None]:
    """While the block runs, a checkpoint every `EVERY_SECONDS`, and one at its end. Copies go beside the database."""
    publisher = CheckpointPublisher(
        base.engine, base.clock, base.signer(), copy_to=base.settings.data_dir / "checkpoints.txt"
    )

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
