"""How the next entry is linked to the ones before it: previous hash, leaf hash, and the tree's frontier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audit import merkle
from audit.leaf import FIRST_PREVIOUS_HASH, encoded
from foundation.errors import Unavailable

HEAD = "SELECT sequence, leaf_hash, frontier FROM audit_entries ORDER BY sequence DESC LIMIT 1"


class TreeHead(NamedTuple):
    """The state of the whole log in two values. `root_hash` is hexadecimal."""

    size: int
    root_hash: str


class ChainHead(NamedTuple):
    """All that is needed to append: entries so far, the last one's leaf hash (hexadecimal), the packed frontier."""

    size: int
    last_hash: str
    frontier: bytes

    @property
    def tree(self) -> TreeHead:
        return TreeHead(self.size, merkle.root_of(split_frontier(self.frontier)).hex())


class Content(NamedTuple):
    """What an entry says, before it has a place. `recorded_at` is `leaf.iso` text, `payload` canonical JSON text."""

    recorded_at: str
    action: str
    actor: str
    subject: str
    tenant: str | None
    incident_id: str | None
    payload: str


class Link(NamedTuple):
    """An entry's place. `frontier` is packed, 32 bytes a peak."""

    sequence: int
    previous_hash: str
    leaf_hash: str
    frontier: bytes


def link(head: ChainHead, content: Content) -> tuple[Link, ChainHead]:
    """The place of `content` after `head`, and the head after it. Raises InvalidInput for text that is not Unicode."""
    size, previous_hash, frontier = head
    leaf = merkle.leaf_hash(encoded(size, *content, previous_hash))
    frontier = merkle.extend_packed(frontier, size, leaf)
    leaf_hash = leaf.hex()
    return Link(size, previous_hash, leaf_hash, frontier), ChainHead(size + 1, leaf_hash, frontier)


def read_head(connection: Connection) -> ChainHead:
    """The head of the stored log."""
    return head_of(connection.exec_driver_sql(HEAD).one_or_none())


def head_of(row: Sequence[Any] | None) -> ChainHead:
    """From the row that `HEAD` finds. Raises Unavailable for one that the log never wrote."""
    if row is None:
        return ChainHead(0, FIRST_PREVIOUS_HASH, b"")
    sequence, leaf_hash, frontier = row
    if not isinstance(sequence, int) or not isinstance(frontier, bytes):
        raise Unavailable("the newest entry of the audit log was changed", hint="vigia audit verify names it")
    return ChainHead(sequence + 1, leaf_hash, frontier)


def split_frontier(packed: bytes) -> merkle.Frontier:
    """The stored frontier as hashes."""
    return tuple(packed[at : at + merkle.HASH_BYTES] for at in range(0, len(packed), merkle.HASH_BYTES))


def has_intake(connection: Connection | sa.Engine) -> bool:
    """Whether writers leave their entries in the intake for the sequencer, or link them themselves (SQLite)."""
    return connection.dialect.name == "postgresql"
