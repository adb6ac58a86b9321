"""The Merkle tree of RFC 6962 section 2: hashing, an append that needs O(log n) state, proofs and their verification.

The frontier of a tree of `size` leaves is the roots of the perfect subtrees its leaves fall into, largest first, one
per bit set in `size`. Verification algorithms are those of RFC 9162 sections 2.1.3.2 and 2.1.4.2, which tell the same
tree with loops instead of recursion. Hashes are 32 bytes of SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Frontier = tuple[bytes, ...]

RootOver = Callable[[int, int], bytes]
"""The root over leaves begin <= i < end, where `begin` is a multiple of the smallest power of two that covers them."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def extend(frontier: Frontier, size: int, leaf: bytes) -> Frontier:
    """The frontier of `size + 1` leaves, from that of `size` leaves and the next leaf's hash."""
    peaks, node = list(frontier), leaf
    while size & 1:
        node = node_hash(peaks.pop(), node)
        size >>= 1
    peaks.append(node)
    return tuple(peaks)


def extend_packed(packed: bytes, size: int, leaf: bytes) -> bytes:
    """`extend` on a frontier that is stored: its hashes one after the other."""
    node, end = leaf, len(packed)
    while size & 1:
        node = node_hash(packed[end - HASH_BYTES : end], node)
        size, end = size >> 1, end - HASH_BYTES
    return packed[:end] + node


def root_of(frontier: Frontier) -> bytes:
    """The tree's root hash."""
    if not frontier:
        return EMPTY_ROOT
    node = frontier[-1]
    for peak in reversed(frontier[:-1]):
        node = node_hash(peak, node)
    return node


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    frontier: Frontier = ()
    for size, leaf in enumerate(leaves):
        frontier = extend(frontier, size, leaf)
    return root_of(frontier)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path (PATH, RFC 6962 2.1.1) of leaf `index`, nearest sibling first."""
    return inclusion_path(_root_over(leaves), len(leaves), index)


def inclusion_path(root_over: RootOver, size: int, index: int) -> list[bytes]:
    """As `inclusion_proof`, for a tree of `size` leaves of which only roots of ranges are known."""
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of a tree of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        split = begin + _split(end - begin)
        if index < split:
            path.append(root_over(split, end))
            end = split
        else:
            path.append(root_over(begin, split))
            begin = split
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether `proof` shows that `leaf` is leaf `index` of the tree of `size` leaves with `expected_root`."""
    if not 0 <= index < size:
        return False
    position, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and node == expected_root


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """PROOF (RFC 6962 2.1.2): that the tree of `leaves` only appended to the tree of its first `old_size` leaves."""
    return consistency_path(_root_over(leaves), old_size, len(leaves))


def consistency_path(root_over: RootOver, old_size: int, size: int) -> list[bytes]:
    """As `consistency_proof`, for a tree of `size` leaves of which only roots of ranges are known."""
    if not 0 < old_size <= size:
        raise IndexError(f"an old tree of {old_size} leaves in one of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while old_size != end:
        split = begin + _split(end - begin)
        if old_size <= split:
            path.append(root_over(split, end))
            end = split
        else:
            path.append(root_over(begin, split))
            begin = split
    if begin:
        path.append(root_over(begin, end))
    return path[::-1]


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree with `new_root` starts with the tree with `old_root`."""
    if old_size == new_size:
        return not proof and old_root == new_root
    if not 0 < old_size < new_size or not proof:
        return False
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_node = new_node = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_node, new_node = node_hash(sibling, old_node), node_hash(sibling, new_node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new_node = node_hash(new_node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old_node == old_root and new_node == new_root


def _root_over(leaves: Sequence[bytes]) -> RootOver:
    return lambda begin, end: root(leaves[begin:end])


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1
