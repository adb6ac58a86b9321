"""A witness signs what continues the head it signed last, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from sqlalchemy.engine import Engine

from audit import merkle
from audit.chain import TreeHead
from audit.checkpoint import CheckpointSigner
from audit.cosignature import CosignatureVerifier, Cosigner, WitnessedNotes
from audit.export import verify_export
from audit.proofs import (
    Extension,
    LeafTree,
    check_extension,
    check_inclusion,
    prove_extension,
    prove_inclusion,
    read_inclusion,
)
from audit.publish import CheckpointPublisher, cosigned_size
from audit.stored_tree import stored_tree
from audit.verify import verify_log
from audit.witness import ForkSeen, OtherSize
from foundation.clock import FixedClock
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from interfaces.http.witness import witness_app
from interfaces.witnesses import ask_witness
from tests.fakes.audited import ORIGIN, WITNESS, WitnessedLog, witnessed_log


@pytest.fixture
def audited(engine: Engine, clock: FixedClock, tmp_path: Path) -> WitnessedLog:
    return witnessed_log(engine, clock, tmp_path)


def leaves(count: int, *, salt: bytes = b"") -> list[bytes]:
    return [merkle.leaf_hash(salt + bytes([number])) for number in range(count)]


def request(audited: WitnessedLog, tree: list[bytes], old: int) -> str:
    return prove_extension(
        LeafTree(tree), old, audited.signer.sign(TreeHead(len(tree), merkle.root(tree).hex()))
    ).encoded()


def test_a_growing_log_is_cosigned_at_every_size(audited: WitnessedLog) -> None:
    verifier = CosignatureVerifier.from_key(audited.keys[1])
    for count in (3, 1, 4, 8, 0, 21):
        audited.write(count)
        note = audited.publish()
        assert verifier.cosigned_at(note) == audited.clock.now()
    assert audited.witness.last_size(ORIGIN) == cosigned_size(audited.engine, WITNESS) == 37


def test_the_same_head_is_signed_again(audited: WitnessedLog) -> None:
    tree = leaves(5)
    first = audited.witness.add_checkpoint(request(audited, tree, 0))
    assert audited.witness.add_checkpoint(request(audited, tree, 5)) == first


def test_a_fork_is_refused_and_the_state_stays(audited: WitnessedLog) -> None:
    tree, other = leaves(5), leaves(9, salt=b"other")
    audited.witness.add_checkpoint(request(audited, tree, 0))
    with pytest.raises(ForkSeen, match="forked"):
        audited.witness.add_checkpoint(request(audited, other, 5))
    with pytest.raises(Conflict, match="another tree of 5 entries"):
        audited.witness.add_checkpoint(request(audited, other[:5], 5))
    with pytest.raises(OtherSize) as stale:
        audited.witness.add_checkpoint(request(audited, leaves(9), 3))
    assert stale.value.size == 5
    assert audited.witness.last_size(ORIGIN) == 5
    audited.witness.add_checkpoint(request(audited, leaves(9), 5))
    assert audited.witness.last_size(ORIGIN) == 9


def test_who_is_not_known_or_did_not_sign_is_refused(audited: WitnessedLog) -> None:
    tree = leaves(4)
    head = TreeHead(4, merkle.root(tree).hex())
    mallory = CheckpointSigner(ORIGIN, Ed25519PrivateKey.generate())
    stranger = CheckpointSigner("other.test/log", Ed25519PrivateKey.generate())
    with pytest.raises(Forbidden, match="no signature"):
        audited.witness.add_checkpoint(Extension(0, (), mallory.sign(head)).encoded())
    with pytest.raises(NotFound, match=r"other\.test/log"):
        audited.witness.add_checkpoint(Extension(0, (), stranger.sign(head)).encoded())
    with pytest.raises(InvalidInput, match="goes backwards"):
        audited.witness.add_checkpoint(Extension(5, (), audited.signer.sign(head)).encoded())
    for text in ("", "old x\n\n", "old 0\nAAAA\n\nx\n", "new 0\n\n"):
        with pytest.raises((InvalidInput, NotFound)):
            audited.witness.add_checkpoint(text)


def test_a_state_that_cannot_be_kept_signs_nothing(audited: WitnessedLog) -> None:
    (audited.directory / "witness").mkdir()
    state = audited.directory / "witness" / "heads.json"
    state.write_text("{damaged", encoding="utf-8")
    with pytest.raises(Unavailable, match="cannot read or keep"):
        audited.witness.add_checkpoint(request(audited, leaves(2), 0))
    assert state.read_text(encoding="utf-8") == "{damaged"


def test_two_requests_side_by_side_never_roll_back(audited: WitnessedLog) -> None:
    def ask(size: int) -> None:
        with suppress(OtherSize):
            audited.witness.add_checkpoint(request(audited, leaves(size), 0))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(1, 40)))
    assert audited.witness.last_size(ORIGIN) > 0
    with pytest.raises(OtherSize):
        audited.witness.add_checkpoint(request(audited, leaves(50), 0))


def test_a_cosignature_of_other_words_is_refused(audited: WitnessedLog) -> None:
    audited.write(3)
    note = audited.publish()
    verifier = CosignatureVerifier.from_key(audited.keys[1])
    for old, new in (("\n3\n", "\n4\n"), (note.split()[-1][20:24], "AAAA")):
        with pytest.raises(InvalidInput, match="does not fit"):
            verifier.cosigned_at(note.replace(old, new))
    assert verifier.cosigned_at(audited.signer.sign(TreeHead(3, "0" * 64))) is None
    with pytest.raises(InvalidInput):
        CosignatureVerifier.from_key(audited.keys[0])


def test_an_export_says_how_far_witnesses_vouch(audited: WitnessedLog) -> None:
    audited.write(4)
    audited.publish()
    audited.write(2)
    checking = WitnessedNotes(audited.signer.verifier, [audited.cosigner.verifier])
    assert verify_export(audited.export(), signer=checking).ok
    assert checking.witnessed == 4
    with pytest.raises(InvalidInput, match="quorum of 2 of 1"):
        WitnessedNotes(audited.signer.verifier, [audited.cosigner.verifier], quorum=2)


@pytest.mark.parametrize("quorum", [1, 2])
def test_a_log_that_too_few_witnesses_signed_does_not_hold(audited: WitnessedLog, quorum: int) -> None:
    never = Cosigner("witness.test/w2", Ed25519PrivateKey.generate()).verifier
    audited.write(4)
    if quorum == 2:
        audited.publish()
    else:
        CheckpointPublisher(audited.engine, audited.clock, audited.signer).publish()
    known = [audited.cosigner.verifier, never]
    checking = WitnessedNotes(audited.signer.verifier, known, quorum=quorum)
    report = checking.report(verify_export(audited.export(), signer=checking))
    assert (report.ok, report.covered, report.witnessed) == (False, 4, 0)
    assert f"the signatures of {quorum} of them" in (report.problem or "")
    for unmet in (0, 3):
        with pytest.raises(InvalidInput, match="cannot be"):
            WitnessedNotes(audited.signer.verifier, known, quorum=unmet)


def test_each_head_is_checked_once_however_many_copies_there_are(audited: WitnessedLog) -> None:
    audited.write(2)
    audited.publish()
    audited.write(2)
    whole = audited.publish()
    log_only = whole.rpartition("— ")[0]
    checked: list[str] = []

    class Counting(WitnessedNotes):
        def verify(self, text: str) -> TreeHead:
            checked.append(text)
            return super().verify(text)

    checking = Counting(audited.signer.verifier, [audited.cosigner.verifier])
    notes = [log_only, whole, log_only]
    report = checking.report(verify_log(audited.engine, signer=checking, notes=notes))
    assert (report.ok, report.checkpoints, report.witnessed, len(checked)) == (True, 2, 4, 2)
    for damaged in (log_only.rpartition("— ")[0], log_only.replace("\n4\n", "\n5\n")):
        assert not verify_log(audited.engine, signer=checking, notes=[*notes, damaged]).ok


def test_an_empty_log_needs_no_witness(audited: WitnessedLog) -> None:
    checking = WitnessedNotes(audited.signer.verifier, [audited.cosigner.verifier])
    assert checking.report(verify_export(audited.export(), signer=checking)).ok


def test_proofs_hold_for_what_they_prove(audited: WitnessedLog) -> None:
    audited.write(11)
    note = audited.publish()
    tree = audited.log.leaf_hashes()
    proof = prove_inclusion(LeafTree(tree), 6, note)
    assert read_inclusion(proof.encoded()) == proof
    assert check_inclusion(proof, tree[6].hex(), audited.signer).size == 11
    with pytest.raises(InvalidInput, match="is not in the tree"):
        check_inclusion(proof, tree[7].hex(), audited.signer)
    with pytest.raises(InvalidInput, match="not among the 11"):
        prove_inclusion(LeafTree(tree), 11, note)
    older = TreeHead(4, merkle.root(tree[:4]).hex())
    assert check_extension(prove_extension(LeafTree(tree), 4, note), older, audited.signer).size == 11
    with pytest.raises(InvalidInput, match="the log was forked"):
        check_extension(
            prove_extension(LeafTree(tree), 4, note), TreeHead(4, merkle.root(tree[1:5]).hex()), audited.signer
        )


@pytest.fixture
def post(audited: WitnessedLog) -> Callable[[str], tuple[int, str]]:
    client = TestClient(witness_app(audited.witness))

    def send(text: str) -> tuple[int, str]:
        answer: httpx.Response = client.post("/add-checkpoint", content=text.encode())
        return answer.status_code, answer.text

    return send


def proving(audited: WitnessedLog, note: str) -> Callable[[int], Extension]:
    def prove(old: int) -> Extension:
        with stored_tree(audited.engine) as tree:
            return prove_extension(tree, old, note)

    return prove


def test_over_http_the_log_finds_out_what_the_witness_knows(
    audited: WitnessedLog, post: Callable[[str], tuple[int, str]]
) -> None:
    verifier = audited.cosigner.verifier
    audited.write(5)
    first = audited.publish().rpartition("— ")[0]
    assert ask_witness(proving(audited, first), first, verifier, post, last_size=0).startswith(f"— {WITNESS} ")
    audited.write(5)
    note = audited.signer.sign(audited.log.head())
    assert (
        verifier.cosigned_at(note + ask_witness(proving(audited, note), note, verifier, post, last_size=2)) is not None
    )


def test_over_http_refusals_have_the_codes_of_the_protocol(
    audited: WitnessedLog, post: Callable[[str], tuple[int, str]]
) -> None:
    assert post(request(audited, leaves(5), 0))[0] == 200
    assert post(request(audited, leaves(7), 3)) == (409, "5\n")
    assert post(request(audited, leaves(7, salt=b"x"), 5))[0] == 422
    assert post("nonsense")[0] == 400
    mallory = CheckpointSigner(ORIGIN, Ed25519PrivateKey.generate())
    assert post(Extension(5, (), mallory.sign(TreeHead(5, "0" * 64))).encoded())[0] == 403
    stranger = CheckpointSigner("other.test/log", Ed25519PrivateKey.generate())
    assert post(Extension(0, (), stranger.sign(TreeHead(1, "0" * 64))).encoded())[0] == 404


def test_a_rewritten_log_cannot_get_its_witness_back(
    audited: WitnessedLog, post: Callable[[str], tuple[int, str]], clock: FixedClock, tmp_path: Path
) -> None:
    audited.write(5)
    audited.publish()
    tree = leaves(8, salt=b"forged")
    note = audited.signer.sign(TreeHead(8, merkle.root(tree).hex()))
    # The owner of the key shows another history.
    with pytest.raises(Unavailable, match=r"refused the checkpoint \(422\).*forked"):
        ask_witness(
            lambda old: prove_extension(LeafTree(tree), old, note), note, audited.cosigner.verifier, post, last_size=5
        )
