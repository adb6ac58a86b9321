"""A witness's signature under a checkpoint: that it is the largest head it has seen of that log, and a consistent one.

Format: https://c2sp.org/tlog-cosignature, the Ed25519 kind. The key id is the first 4 bytes of
SHA-256(name || 0x0A || 0x04 || public key), the signature 8 bytes of POSIX time, big endian, and Ed25519 over

    cosignature/v1\\ntime <seconds>\\n<the checkpoint's text>
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.chain import TreeHead
from audit.checkpoint import NoteVerifier
from audit.note import VerifierKey, signature_lines
from audit.replay import VerificationReport
from foundation.errors import InvalidInput

_BLOB_BYTES = 4 + 8 + 64


class CosignatureVerifier(VerifierKey):
    """Checks the cosignatures of one witness."""

    algorithm: ClassVar[bytes] = b"\x04"
    kind: ClassVar[str] = "the key of an Ed25519 witness"

    def cosigned_at(self, note: str) -> datetime | None:
        """When the witness signed `note`; None if it did not. Raises InvalidInput for a cosignature that is false."""
        body = note.rpartition("\n\n")[0]
        for name, blob in signature_lines(note):
            if name != self.name or blob[:4] != self.key_hash:
                continue
            if len(blob) != _BLOB_BYTES:
                raise InvalidInput(f"the cosignature of {self.name} has {len(blob)} bytes, not {_BLOB_BYTES}")
            seconds = int.from_bytes(blob[4:12], "big")
            try:
                self._public_key.verify(blob[12:], _message(seconds, f"{body}\n"))
                return datetime.fromtimestamp(seconds, UTC)
            except (InvalidSignature, ValueError, OverflowError, OSError) as error:
                raise InvalidInput(f"the cosignature of {self.name} does not fit the note {body[:80]!r}") from error
        return None


class Cosigner:
    """Holds a witness's private key. Whether to sign is for `audit.witness` to decide."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = CosignatureVerifier(name, key.public_key())

    def cosign(self, note: str, at: datetime) -> str:
        """The signature line for `note`, with its newline."""
        seconds = int(at.timestamp())
        signature = self._key.sign(_message(seconds, f"{note.rpartition(chr(10) * 2)[0]}\n"))
        blob = base64.b64encode(self.verifier.key_hash + seconds.to_bytes(8, "big") + signature).decode()
        return f"— {self.verifier.name} {blob}\n"


class WitnessedNotes:
    """Checks a log's notes with those of its witnesses, and remembers how far the witnesses vouch."""

    def __init__(
        self, log: NoteVerifier, witnesses: Sequence[CosignatureVerifier], *, quorum: int | None = None
    ) -> None:
        """`quorum` of the witnesses must have signed a head for it to count as witnessed; all when None."""
        quorum = len(witnesses) if quorum is None else quorum
        if not min(1, len(witnesses)) <= quorum <= len(witnesses):
            raise InvalidInput(f"a quorum of {quorum} of {len(witnesses)} witnesses cannot be")
        self._log = log
        self._witnesses = witnesses
        self._quorum = quorum
        self.witnessed = 0

    def verify(self, text: str) -> TreeHead:
        """The head that `text` vouches for. Raises InvalidInput for a signature of log or witness that is false."""
        head = self._log.verify(text)
        if self._quorum and self._agreeing(text) >= self._quorum:
            self.witnessed = max(self.witnessed, head.size)
        return head

    def require_quorum(self, text: str) -> None:
        """Raises InvalidInput unless enough of the witnesses signed the note `text`."""
        agree = self._agreeing(text)
        if agree < self._quorum:
            raise InvalidInput(f"{agree} of the witnesses signed this checkpoint, {self._quorum} must have")

    def report(self, report: VerificationReport) -> VerificationReport:
        """`report`, made with this check, and how far the witnesses vouch; not ok when they should and do not.

        An empty log has nothing to vouch for.
        """
        witnessed = min(self.witnessed, report.covered)
        if self._quorum and report.ok and report.entries and not witnessed:
            problem = f"the witnesses vouch for none of it: no checkpoint has the signatures of {self._quorum} of them"
            return report.model_copy(update={"ok": False, "problem": problem})
        return report.model_copy(update={"witnessed": witnessed})

    def _agreeing(self, text: str) -> int:
        return sum(witness.cosigned_at(text) is not None for witness in self._witnesses)


def _message(seconds: int, body: str) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{body}".encode()
