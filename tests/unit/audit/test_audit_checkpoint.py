"""Checkpoints are C2SP signed notes: the bytes of Go's implementation, and nothing that is not signed."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoint import CheckpointSigner, NoteVerifier, parse_note
from audit.log import TreeHead
from foundation.errors import InvalidInput, Unavailable

ORIGIN = "vigia.test/audit"
HEAD = TreeHead(20852, hashlib.sha256(b"root").hexdigest())

# The example of the documentation of Go's golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key for tests").digest())


@pytest.fixture
def signer(key: Ed25519PrivateKey) -> CheckpointSigner:
    return CheckpointSigner(ORIGIN, key)


def test_a_note_signed_by_go_is_read() -> None:
    verifier = NoteVerifier.from_key(GO_KEY)
    assert verifier.verifier_key == GO_KEY
    verifier.check_signature(GO_NOTE)
    with pytest.raises(InvalidInput, match="does not fit"):
        verifier.check_signature(GO_NOTE.replace("answer", "question"))


def test_the_note_has_the_form_of_the_specification(signer: CheckpointSigner, key: Ed25519PrivateKey) -> None:
    note = signer.sign(HEAD)
    root = base64.b64encode(bytes.fromhex(HEAD.root_hash)).decode()
    assert note.startswith(f"{ORIGIN}\n20852\n{root}\n\n— {ORIGIN} ")
    assert note.endswith("\n")
    blob = base64.b64decode(note.split()[-1])
    public = base64.b64decode(signer.verifier.verifier_key.split("+", 2)[2])
    assert blob[:4] == hashlib.sha256(f"{ORIGIN}\n".encode() + public).digest()[:4]
    key.public_key().verify(blob[4:], f"{ORIGIN}\n20852\n{root}\n".encode())


def test_a_note_is_verified_by_what_others_were_given(signer: CheckpointSigner, key: Ed25519PrivateKey) -> None:
    note = signer.sign(HEAD)
    assert NoteVerifier.from_key(signer.verifier.verifier_key).verify(note) == HEAD
    assert NoteVerifier(ORIGIN, key.public_key()).verify(note) == HEAD
    assert signer.verify(note) == parse_note(note) == HEAD


def test_a_witness_may_sign_too(signer: CheckpointSigner) -> None:
    note = signer.sign(HEAD)
    body, signature = note.split("\n\n")
    assert signer.verify(f"{body}\n\n— witness.example AAAAAAAA\n{signature}— other AAAA\n") == HEAD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("20852", "20853"),
        ("20852", "020852"),
        ("20852", "-1"),
        ("vigia.test/audit\n20852", "other.test/audit\n20852"),
        ("— vigia.test/audit", "— witness.example"),
        ("\n\n", "\n"),
    ],
)
def test_what_was_changed_is_refused(signer: CheckpointSigner, old: str, new: str) -> None:
    note = signer.sign(HEAD)
    assert old in note
    with pytest.raises(InvalidInput):
        signer.verify(note.replace(old, new, 1))


def test_another_key_of_the_same_name_is_refused(signer: CheckpointSigner) -> None:
    mallory = CheckpointSigner(ORIGIN, Ed25519PrivateKey.generate())
    with pytest.raises(InvalidInput, match="no signature by"):
        signer.verify(mallory.sign(HEAD))


@pytest.mark.parametrize("damaged", ["", "x", GO_KEY[:-4], GO_KEY.replace("c74f", "c74e"), GO_KEY.replace("+A", "+B")])
def test_a_damaged_verifier_key_is_refused(damaged: str) -> None:
    with pytest.raises(InvalidInput, match=r"verifier key|damaged|cannot name"):
        NoteVerifier.from_key(damaged)


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit.pem"
    with ThreadPoolExecutor(8) as pool:
        signers = list(pool.map(lambda _: CheckpointSigner.load_or_create(path, ORIGIN), range(8)))
    assert len({signer.verifier.verifier_key for signer in signers}) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["audit.pem"]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.pem"
    CheckpointSigner.load_or_create(path, ORIGIN)
    path.chmod(0o644)
    with pytest.raises(InvalidInput, match=r"can be read by others.*chmod 600"):
        CheckpointSigner.load_or_create(path, ORIGIN)


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.pem"
    path.write_text("not a key")
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match="holds no private key"):
        CheckpointSigner.load_or_create(path, ORIGIN)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be read or made"):
        CheckpointSigner.load_or_create(tmp_path / "file" / "audit.pem", ORIGIN)


def test_a_name_with_a_space_names_no_log(key: Ed25519PrivateKey) -> None:
    with pytest.raises(InvalidInput, match="cannot name a log"):
        CheckpointSigner("vigia audit", key)
