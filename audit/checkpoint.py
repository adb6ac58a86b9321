"""Signed checkpoints: what an outsider keeps, so that not even the database's owner can shorten or rewrite the log.

Formats: https://c2sp.org/tlog-checkpoint over https://c2sp.org/signed-note with Ed25519, as Go's `x/mod/sumdb/note`
reads and writes. A note is

    <origin>\\n<size>\\n<base64 root>\\n\\n— <key name> <base64(key hash || signature)>\\n

where the key's name is the origin and its hash the first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key).
"""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.chain import TreeHead
from audit.note import TextSigner, TextVerifier
from foundation.errors import InvalidInput

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NOTE = re.compile(
    r"^[^\s+]+\n(?:0|[1-9][0-9]{0,18})\n[A-Za-z0-9+/]{43}=\n\n(?:— [^\s+]+ [A-Za-z0-9+/=]+\n)+", re.MULTILINE
)


class NoteVerifier(TextVerifier):
    """Checks checkpoints of one log, whose origin is its key's name."""

    @property
    def origin(self) -> str:
        return self.name

    def verify(self, text: str) -> TreeHead:
        """The head that `text` vouches for. Raises InvalidInput when no valid signature of this key is on it."""
        head = parse_note(text, origin=self.origin)
        self.check_signature(text)
        return head


class CheckpointSigner(TextSigner):
    """Holds the log's private key and signs its heads."""

    verifier: NoteVerifier

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        super().__init__(origin, key)
        self.verifier = NoteVerifier(origin, key.public_key())

    def sign(self, head: TreeHead) -> str:
        """A signed note over `head`."""
        root = base64.b64encode(bytes.fromhex(head.root_hash)).decode()
        return self.sign_text(f"{self.verifier.origin}\n{head.size}\n{root}\n")

    def verify(self, text: str) -> TreeHead:
        return self.verifier.verify(text)


def find_notes(text: str) -> list[str]:
    """The checkpoints in any text, a file of copies or a message from a chat, in their order.

    One that was begun and not ended is passed over.
    """
    lines = (line.strip("`> \t\r") for line in text.splitlines())
    return [match.group() for match in _NOTE.finditer("\n".join(lines) + "\n")]


def parse_note(text: str, *, origin: str | None = None) -> TreeHead:
    """The head that a note claims, its signature unchecked. Raises InvalidInput for another form or origin."""
    body, _, signatures = text.rpartition("\n\n")
    lines = body.split("\n")
    if not signatures or len(lines) < 3 or origin not in (None, lines[0]) or not _SIZE.fullmatch(lines[1]):
        raise InvalidInput(f"not a checkpoint{f' of {origin!r}' if origin else ''}", hint=f"it reads {text[:80]!r}")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error:
        root = b""
    if len(root) != 32:
        raise InvalidInput(f"checkpoint of size {lines[1]}: the root is not 32 bytes in base64")
    return TreeHead(int(lines[1]), root.hex())
