"""Roots of parts of the stored log, from the frontiers that lie in its rows: a proof reads some rows, not the log.

The last peak in the row of entry `e - 1` is the root over the largest perfect subtree that ends at `e`. A smaller one
that ends there is the right child of that, put together from what ends at its middle and at its end.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine

from audit import merkle
from audit.chain import read_head, split_frontier
from audit.sequencer import integrate_if_allowed
from foundation.database import reading
from foundation.driver_sql import DriverSql
from foundation.errors import InvalidInput


@contextmanager
def stored_tree(engine: Engine) -> Generator[StoredTree]:
    """The tree over all entries that have their places; what waits gets one first, where this role may give them."""
    integrate_if_allowed(engine)
    with reading(engine) as connection:
        yield StoredTree(connection, read_head(connection).size)


_ROW = DriverSql("SELECT leaf_hash, frontier FROM audit_entries WHERE sequence = ?")


_HASH = re.compile(r"[0-9a-f]{64}")


class StoredTree:
    """The tree over the first `size` entries (a `proofs.Tree`). Nothing is verified here: whoever gets a proof made of
    it checks the proof."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection = connection
        self.size = size

    def leaf_hash(self, entry: int) -> str:
        """In hexadecimal. Raises InvalidInput."""
        return self._row(entry)[0]

    def root_over(self, begin: int, end: int) -> bytes:
        """`merkle.RootOver`. Raises InvalidInput for a range that is not there."""
        node: bytes | None = None
        while end > begin:
            # The smallest perfect subtree of the range is its last: sizes fall from left to right.
            width = (end - begin) & -(end - begin)
            left = self._perfect(end, width)
            node = left if node is None else merkle.node_hash(left, node)
            end -= width
        if node is None:
            raise InvalidInput(f"no entries between {begin} and {end}")
        return node

    def _perfect(self, end: int, width: int) -> bytes:
        """The root over the `width` leaves, a power of two, that end at `end`, a multiple of it."""
        leaf_hash, frontier = self._row(end - 1)
        if end & width:  # the lowest bit of `end`: that subtree is the last peak itself
            return split_frontier(frontier)[-1]
        if width == 1:
            return bytes.fromhex(leaf_hash)
        half = width // 2
        return merkle.node_hash(self._perfect(end - half, half), self._perfect(end, half))

    def _row(self, sequence: int) -> tuple[str, bytes]:
        row = _ROW(self._connection, sequence).one_or_none()
        if row is None:
            raise InvalidInput(f"the audit log has no entry {sequence}: it has {self.size}")
        leaf_hash, frontier = tuple(row)
        peaks = (sequence + 1).bit_count()
        if isinstance(frontier, str) or len(frontier) != merkle.HASH_BYTES * peaks or not _HASH.fullmatch(leaf_hash):
            raise InvalidInput(
                f"entry {sequence} was changed: what is stored with it is no state of the tree",
                hint="vigia audit verify says what else does not hold",
            )
        return leaf_hash, bytes(frontier)
