"""Signed checkpoints: what an outsider keeps, so that not even the database's owner can shorten or rewrite the log.

Formats: https://c2sp.org/tlog-checkpoint over https://c2sp.org/signed-note with Ed25519, as Go's `x/mod/sumdb/note`
reads and writes. A note is

    <origin>\\n<size>\\n<base64 root>\\n\\n— <key name> <base64(key hash || signature)>\\n

where the key's name is the origin and its hash the first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.chain import TreeHead
from audit.keys import load_or_create_key
from foundation.errors import InvalidInput

_ED25519 = b"\x01"
_NAME = re.compile(r"^[^\s+]+$")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNATURE = re.compile(r"^— (?P<name>[^\s+]+) (?P<blob>[A-Za-z0-9+/=]+)$")
_NOTE = re.compile(
    r"^[^\s+]+\n(?:0|[1-9][0-9]{0,18})\n[A-Za-z0-9+/]{43}=\n\n(?:— [^\s+]+ [A-Za-z0-9+/=]+\n)+", re.MULTILINE
)


class NoteVerifier:
    """Checks notes of one log. `verifier_key` is its text form, `<name>+<hash>+<base64>`, to be handed to others."""

    def __init__(self, origin: str, public_key: Ed25519PublicKey) -> None:
        if not _NAME.match(origin):
            raise InvalidInput(f"{origin!r} cannot name a log", hint="no spaces and no '+', e.g. 'vigia.example/audit'")
        self.origin = origin
        self._public_key = public_key
        self._encoded = _ED25519 + public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_hash = hashlib.sha256(origin.encode() + b"\n" + self._encoded).digest()[:4]

    @classmethod
    def from_key(cls, verifier_key: str) -> NoteVerifier:
        """From the text form. Raises InvalidInput when it is damaged or for another algorithm."""
        name, _, rest = verifier_key.strip().partition("+")
        key_hash, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
            verifier = cls(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
        except ValueError as error:
            raise InvalidInput(f"{verifier_key!r} is not a verifier key: {error}") from error
        if raw[:1] != _ED25519 or verifier.key_hash.hex() != key_hash:
            raise InvalidInput(f"{verifier_key!r} is damaged, or not an Ed25519 key")
        return verifier

    @property
    def verifier_key(self) -> str:
        return f"{self.origin}+{self.key_hash.hex()}+{base64.b64encode(self._encoded).decode()}"

    def verify(self, text: str) -> TreeHead:
        """The head that `text` vouches for. Raises InvalidInput when no valid signature of this key is on it."""
        head = parse_note(text, origin=self.origin)
        self.check_signature(text)
        return head

    def check_signature(self, text: str) -> None:
        """Raises InvalidInput unless this key signed the note `text`, whatever it says."""
        body = text.rpartition("\n\n")[0]
        for name, blob in signature_lines(text):
            if name != self.origin or blob[:4] != self.key_hash:
                continue  # a witness's co-signature says nothing about ours
            try:
                self._public_key.verify(blob[4:], f"{body}\n".encode())
            except InvalidSignature as error:
                raise InvalidInput(f"the note's signature does not fit its text {body[:80]!r}") from error
            return
        raise InvalidInput(f"no signature by {self.verifier_key} on the note {body[:80]!r}")


class CheckpointSigner:
    """Holds the log's private key and signs its heads."""

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = NoteVerifier(origin, key.public_key())

    @classmethod
    def load_or_create(cls, path: Path, origin: str) -> CheckpointSigner:
        """The key in the PEM file at `path`, made (mode 0600) if there is none.

        Raises InvalidInput for a file that others can read or that holds no Ed25519 key, Unavailable when it cannot
        be read or written.
        """
        return cls(origin, load_or_create_key(path))

    def sign(self, head: TreeHead) -> str:
        """A signed note over `head`."""
        root = base64.b64encode(bytes.fromhex(head.root_hash)).decode()
        body = f"{self.verifier.origin}\n{head.size}\n{root}\n"
        blob = base64.b64encode(self.verifier.key_hash + self._key.sign(body.encode())).decode()
        return f"{body}\n— {self.verifier.origin} {blob}\n"

    def verify(self, text: str) -> TreeHead:
        return self.verifier.verify(text)


def find_notes(text: str) -> list[str]:
    """The checkpoints in any text, a file of copies or a message from a chat, in their order.

    One that was begun and not ended is passed over.
    """
    lines = (line.strip("`> \t\r") for line in text.splitlines())
    return [match.group() for match in _NOTE.finditer("\n".join(lines) + "\n")]


def signature_lines(text: str) -> list[tuple[str, bytes]]:
    """(key name, key id and signature) of each well-formed signature line of a note."""
    found: list[tuple[str, bytes]] = []
    for line in text.rpartition("\n\n")[2].splitlines():
        match = _SIGNATURE.match(line)
        if match is None:
            continue
        try:
            found.append((match["name"], base64.b64decode(match["blob"], validate=True)))
        except binascii.Error as error:
            raise InvalidInput(f"the signature of {match['name']} is not base64") from error
    return found


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
