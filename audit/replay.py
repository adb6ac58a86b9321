"""Reads a log from its first entry and says where it stops being the log that was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from audit import merkle
from audit.leaf import FIRST_PREVIOUS_HASH, Leaf, parse_json
from audit.log import TreeHead, split_frontier
from foundation.errors import InvalidInput
from foundation.frozen import Frozen


class VerificationReport(Frozen):
    """`first_bad_sequence` is the first entry that is not, or is no longer, what was written there.

    `covered` entries are vouched for by a checkpoint; what came after the last one could have been cut off unseen.
    """

    ok: bool
    entries: int
    root_hash: str
    checkpoints: int = 0
    covered: int = 0
    problem: str | None = None
    first_bad_sequence: int | None = None


class StoredEntry(NamedTuple):
    """An entry as it lies there. `frontier` is None where it is not kept (exports)."""

    leaf: Leaf
    leaf_hash: str
    frontier: bytes | None


class Replay:
    """Feeds entries in order; `report` when done. `heads` are the checkpoints the log must agree with."""

    def __init__(self, heads: Iterable[TreeHead] = ()) -> None:
        self._expected: dict[int, set[str]] = defaultdict(set)
        for head in heads:
            self._expected[head.size].add(head.root_hash)
        self._size = 0
        self._covered = 0
        self._last = FIRST_PREVIOUS_HASH
        self._frontier: merkle.Frontier = ()
        self._problem: tuple[str, int] | None = None

    def feed(self, entry: StoredEntry) -> bool:
        """Check the next entry. False when the log went wrong and there is no sense in reading on."""
        problem = self._entry_problem(entry)
        if problem is not None:
            self._problem = (problem, self._size)
            return False
        self._size += 1
        return self._compare_root()

    def report(self) -> VerificationReport:
        if self._problem is None:
            self._look_for_truncation()
        problem, first_bad = self._problem or (None, None)
        return VerificationReport(
            ok=problem is None,
            entries=self._size,
            root_hash=merkle.root_of(self._frontier).hex(),
            checkpoints=sum(len(roots) for roots in self._expected.values()),
            covered=self._covered,
            problem=problem,
            first_bad_sequence=first_bad,
        )

    def _entry_problem(self, entry: StoredEntry) -> str | None:
        expected = self._size
        if entry.leaf.sequence != expected:
            return f"entry {expected} is missing: the next one found is {entry.leaf.sequence}"
        if entry.leaf.previous_hash != self._last:
            return (
                f"entry {expected} does not follow the entry before it: previous_hash {entry.leaf.previous_hash[:12]}…"
            )
        try:
            parse_json(entry.leaf.payload)
            leaf = merkle.leaf_hash(entry.leaf.encoded())
        except InvalidInput as error:
            return f"entry {expected} was changed: {error.message}"
        if leaf.hex() != entry.leaf_hash:
            return (
                f"entry {expected} was changed: its content hashes to {leaf.hex()[:12]}…, not {entry.leaf_hash[:12]}…"
            )
        frontier = merkle.extend(self._frontier, expected, leaf)
        if entry.frontier is not None and split_frontier(entry.frontier) != frontier:
            return f"entry {expected} was changed: the tree stored with it is not the tree of the entries up to it"
        self._frontier, self._last = frontier, entry.leaf_hash
        return None

    def _compare_root(self) -> bool:
        roots = self._expected.get(self._size)
        if roots is None:
            return True
        if roots != {merkle.root_of(self._frontier).hex()}:
            self._problem = (
                f"the first {self._size} entries are not those of the checkpoint of that size: an entry from "
                f"{self._covered} to {self._size - 1} was rewritten with all its hashes",
                self._covered,
            )
            return False
        self._covered = self._size
        return True

    def _look_for_truncation(self) -> None:
        promised = max(self._expected, default=0)
        if promised > self._size:
            self._problem = (
                f"the log ends after {self._size} entries, but a checkpoint vouches for {promised}: "
                f"entries {self._size} to {promised - 1} are gone",
                self._size,
            )
