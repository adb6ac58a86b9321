"""Proofs to hand to somebody who has no access to the log: a signed head, and how an entry or an older head fits in.

An inclusion proof is written as https://c2sp.org/tlog-proof, the request to a witness as https://c2sp.org/tlog-witness:

    c2sp.org/tlog-proof@v1          old <size>
    index <entry>                   <base64 hash>
    <base64 hash>                   …
    …
                                    <checkpoint>
    <checkpoint>
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from audit import merkle
from audit.chain import TreeHead
from audit.checkpoint import parse_note
from audit.verify import NoteChecking
from foundation.errors import InvalidInput

_PROOF = "c2sp.org/tlog-proof@v1"
_MOST_HASHES = 63


class InclusionProof(NamedTuple):
    """That entry number `entry` is in the tree of the checkpoint `note`."""

    entry: int
    hashes: tuple[bytes, ...]
    note: str

    def encoded(self) -> str:
        return f"{_PROOF}\nindex {self.entry}\n{_lines(self.hashes)}\n{self.note}"


class Extension(NamedTuple):
    """That the tree of the checkpoint `note` only added to the tree of its first `old_size` entries."""

    old_size: int
    hashes: tuple[bytes, ...]
    note: str

    def encoded(self) -> str:
        return f"old {self.old_size}\n{_lines(self.hashes)}\n{self.note}"


class Tree(Protocol):
    """A tree of `size` leaves: `StoredTree`, or `LeafTree` over leaf hashes."""

    @property
    def size(self) -> int: ...
    def root_over(self, begin: int, end: int) -> bytes: ...


class LeafTree(NamedTuple):
    leaves: Sequence[bytes]

    @property
    def size(self) -> int:
        return len(self.leaves)

    def root_over(self, begin: int, end: int) -> bytes:
        return merkle.root(self.leaves[begin:end])


def prove_inclusion(tree: Tree, index: int, note: str) -> InclusionProof:
    """Raises InvalidInput when the checkpoint does not reach that far."""
    size = parse_note(note).size
    if not 0 <= index < size <= tree.size:
        raise InvalidInput(f"entry {index} is not among the {size} that the checkpoint vouches for")
    return InclusionProof(index, tuple(merkle.inclusion_path(tree.root_over, size, index)), note)


def prove_extension(tree: Tree, old_size: int, note: str) -> Extension:
    """Raises InvalidInput when there is no such older tree. From nothing to anything needs no proof."""
    size = parse_note(note).size
    if not 0 <= old_size <= size <= tree.size:
        raise InvalidInput(f"a log of {size} entries has no older state of {old_size}")
    proof = merkle.consistency_path(tree.root_over, old_size, size) if 0 < old_size < size else []
    return Extension(old_size, tuple(proof), note)


def read_inclusion(text: str) -> InclusionProof:
    """Raises InvalidInput for anything that is not a proof."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != _PROOF:
        raise InvalidInput(f"not a proof: it begins with {lines[0][:40]!r}", hint=f"the first line is {_PROOF!r}")
    rest = lines[2:] if len(lines) > 1 and lines[1].startswith("extra ") else lines[1:]
    return InclusionProof(_number(rest, "index"), _hashes(rest[1:]), note)


def read_extension(text: str) -> Extension:
    """Raises InvalidInput for anything else."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    return Extension(_number(lines, "old"), _hashes(lines[1:]), note)


def check_inclusion(proof: InclusionProof, leaf_hash: str, checking: NoteChecking) -> TreeHead:
    """The head that holds the entry with `leaf_hash` (hexadecimal). Raises InvalidInput when it does not."""
    head = checking.verify(proof.note)
    leaf, root = _hash(leaf_hash), bytes.fromhex(head.root_hash)
    if not merkle.verify_inclusion(leaf, proof.entry, head.size, proof.hashes, root):
        raise InvalidInput(f"entry {proof.entry} with hash {leaf_hash[:12]}… is not in the tree of {head.size} entries")
    return head


def check_extension(proof: Extension, old: TreeHead, checking: NoteChecking) -> TreeHead:
    """The new head, which keeps everything of `old`. Raises InvalidInput when it does not."""
    head = checking.verify(proof.note)
    if old.size != proof.old_size:
        raise InvalidInput(f"the proof begins at {proof.old_size} entries, the older head has {old.size}")
    if not extends(old, head, proof.hashes):
        raise InvalidInput(
            f"the tree of {head.size} entries does not begin with that of {old.size}: the log was forked"
        )
    return head


def extends(old: TreeHead, new: TreeHead, hashes: tuple[bytes, ...]) -> bool:
    """Whether `new` only added to `old`."""
    if old.size == 0:
        return not hashes and old.root_hash == merkle.EMPTY_ROOT.hex()
    return merkle.verify_consistency(
        old.size, new.size, bytes.fromhex(old.root_hash), bytes.fromhex(new.root_hash), hashes
    )


def _lines(hashes: tuple[bytes, ...]) -> str:
    return "".join(f"{base64.b64encode(one).decode()}\n" for one in hashes)


def _number(lines: list[str], word: str) -> int:
    match = re.fullmatch(rf"{word} (0|[1-9][0-9]{{0,18}})", lines[0] if lines else "")
    if match is None:
        raise InvalidInput(f"no line {word!r} with a number where one must be")
    return int(match[1])


def _hashes(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > _MOST_HASHES:
        raise InvalidInput(f"a proof has at most {_MOST_HASHES} hashes, this one {len(lines)}")
    try:
        found = tuple(base64.b64decode(line, validate=True) for line in lines)
    except binascii.Error as error:
        raise InvalidInput("a hash of the proof is not base64") from error
    if any(len(one) != merkle.HASH_BYTES for one in found):
        raise InvalidInput("a hash of the proof has not 32 bytes")
    return found


def _hash(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not a hash in hexadecimal") from error
