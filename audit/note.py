"""Signed notes: a text and an Ed25519 signature under it that anybody with the key's text form can check.

Format: https://c2sp.org/signed-note with Ed25519, as Go's `x/mod/sumdb/note` reads and writes it:

    <text, ending in a newline>\\n— <key name> <base64(key hash || signature)>\\n

where a key's hash is the first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key). What the text says is for who
signs: `audit.checkpoint` for heads of the log, `platform_core.training.signing` for models.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.keys import load_or_create_key
from foundation.errors import InvalidInput

_NAME = re.compile(r"^[^\s+]+$")
_SIGNATURE = re.compile(r"^— (?P<name>[^\s+]+) (?P<blob>[A-Za-z0-9+/=]+)$")


class VerifierKey:
    """A named public key of C2SP's signed notes. Its text form, `<name>+<hash>+<base64>`, is handed to others."""

    algorithm: ClassVar[bytes] = b"\x01"
    """The byte before the key in what is hashed and encoded; this one: Ed25519."""

    kind: ClassVar[str] = "an Ed25519 key"

    def __init__(self, name: str, public_key: Ed25519PublicKey) -> None:
        if not _NAME.match(name):
            raise InvalidInput(
                f"{name!r} cannot name a log or a key", hint="no spaces and no '+', e.g. 'vigia.example/audit'"
            )
        self.name = name
        self._public_key = public_key
        self._encoded = self.algorithm + public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_hash = hashlib.sha256(name.encode() + b"\n" + self._encoded).digest()[:4]

    @classmethod
    def from_key(cls, verifier_key: str) -> Self:
        """From the text form. Raises InvalidInput when it is damaged or for another kind of key."""
        name, _, rest = verifier_key.strip().partition("+")
        key_hash, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
            verifier = cls(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
        except ValueError as error:
            raise InvalidInput(f"{verifier_key!r} is not a verifier key: {error}") from error
        if raw[:1] != cls.algorithm or verifier.key_hash.hex() != key_hash:
            raise InvalidInput(f"{verifier_key!r} is damaged, or not {cls.kind}")
        return verifier

    @property
    def verifier_key(self) -> str:
        return f"{self.name}+{self.key_hash.hex()}+{base64.b64encode(self._encoded).decode()}"


class TextVerifier(VerifierKey):
    """Checks notes of one key."""

    def text_of(self, note: str) -> str:
        """The text that this key signed. Raises InvalidInput when it did not."""
        self.check_signature(note)
        return f"{note.rpartition(chr(10) * 2)[0]}\n"

    def check_signature(self, note: str) -> None:
        """Raises InvalidInput unless this key signed `note`, whatever it says."""
        body = note.rpartition("\n\n")[0]
        for name, blob in signature_lines(note):
            if name != self.name or blob[:4] != self.key_hash:
                continue  # a witness's co-signature says nothing about ours
            try:
                self._public_key.verify(blob[4:], f"{body}\n".encode())
            except InvalidSignature as error:
                raise InvalidInput(f"the note's signature does not fit its text {body[:80]!r}") from error
            return
        raise InvalidInput(f"no signature by {self.verifier_key} on the note {body[:80]!r}")


class TextSigner:
    """Holds a private key and signs texts."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = TextVerifier(name, key.public_key())

    @classmethod
    def load_or_create(cls, path: Path, name: str) -> Self:
        """The key in the PEM file at `path`, made (mode 0600) if there is none.

        Raises InvalidInput for a file that others can read or that holds no Ed25519 key, Unavailable when it cannot
        be read or written.
        """
        return cls(name, load_or_create_key(path))

    def sign_text(self, text: str) -> str:
        """`text`, which ends in a newline, as a signed note."""
        blob = base64.b64encode(self.verifier.key_hash + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.verifier.name} {blob}\n"


def signature_lines(note: str) -> list[tuple[str, bytes]]:
    """(key name, key id and signature) of each well-formed signature line of a note."""
    found: list[tuple[str, bytes]] = []
    for line in note.rpartition("\n\n")[2].splitlines():
        match = _SIGNATURE.match(line)
        if match is None:
            continue
        try:
            found.append((match["name"], base64.b64decode(match["blob"], validate=True)))
        except binascii.Error as error:
            raise InvalidInput(f"the signature of {match['name']} is not base64") from error
    return found
