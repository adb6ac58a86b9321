"""Reads a log from its first entry and says where it stops being the log that was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from audit import merkle
from audit.chain import TreeHead
from audit.leaf import FIRST_PREVIOUS_HASH, Leaf, parse_json, require_iso
from foundation.errors import InvalidInput
from foundation.frozen import Frozen


class VerificationReport(Frozen):
    """`first_bad_sequence` is the first entry that is not, or is no longer, what was written there.

    `covered` entries are vouched for by a checkpoint; what came after the last one could have been cut off unseen.
    `witnessed` entries are vouched for by enough of the witnesses that were named.
    `pending` entries are durable and have no place in the tree yet. `forked`: two heads that were given, of one log,
    cannot both be true. `steps_back` counts entries whose clock was behind the entry before: not a fault, a flag.
    """

    ok: bool
    entries: int
    root_hash: str
    checkpoints: int = 0
    covered: int = 0
    witnessed: int = 0
    pending: int = 0
    forked: bool = False
    steps_back: int = 0
    largest_step_back_seconds: float = 0.0
    problem: str | None = None
    first_bad_sequence: int | None = None


class StoredEntry(NamedTuple):
    """An entry as it lies there. `frontier` is None where it is not kept (exports)."""

    leaf: Leaf
    leaf_hash: str
    frontier: bytes | None


class ClockSteps:
    """Counts how often, and how far, the recorded time went backwards. `leaf.iso` texts sort as times do."""

    def __init__(self, last: str = "") -> None:
        self.last = last
        self.count = 0
        self.largest = 0.0

    def see(self, at: str) -> None:
        if at < self.last:
            self.count += 1
            self.largest = max(self.largest, seconds_between(at, self.last))
        self.last = at


class Replay:
    """Feeds entries in order; `report` when done. `heads` are the checkpoints the log must agree with."""

    def __init__(self, heads: Iterable[TreeHead] = ()) -> None:
        self._expected = expected_roots(heads)
        self._size = 0
        self._covered = 0
        self._last = FIRST_PREVIOUS_HASH
        self._frontier: merkle.Frontier = ()
        self._clock = ClockSteps()
        self._problem: tuple[str, int | None] | None = fork_among(self._expected)
        self._forked = self._problem is not None

    def feed(self, entry: StoredEntry) -> bool:
        """Check the next entry. False when the log went wrong and there is no sense in reading on."""
        if self._forked:
            return False
        problem = self._entry_problem(entry)
        if problem is not None:
            self._problem = (problem, self._size)
            return False
        self._clock.see(entry.leaf.recorded_at)
        self._size += 1
        return self._compare_root()

    def refuse(self, problem: str) -> None:
        """What comes next is no entry at all."""
        self._problem = (f"entry {self._size} cannot be read: {problem}", self._size)

    def report(self, *, pending: int = 0) -> VerificationReport:
        if self._problem is None:
            self._problem = truncation(self._expected, self._size)
        problem, first_bad = self._problem or (None, None)
        return VerificationReport(
            ok=problem is None,
            entries=self._size,
            root_hash=merkle.root_of(self._frontier).hex(),
            checkpoints=sum(len(roots) for roots in self._expected.values()),
            covered=self._covered,
            pending=pending,
            forked=self._forked,
            steps_back=self._clock.count,
            largest_step_back_seconds=self._clock.largest,
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
            require_iso(entry.leaf.recorded_at)
            parse_json(entry.leaf.payload)
            leaf = merkle.leaf_hash(entry.leaf.encoded())
        except (InvalidInput, TypeError) as error:  # TypeError: a column holds what the log never wrote there
            return f"entry {expected} was changed: {error}"
        if leaf.hex() != entry.leaf_hash:
            return (
                f"entry {expected} was changed: its content hashes to {leaf.hex()[:12]}…, not {entry.leaf_hash[:12]}…"
            )
        frontier = merkle.extend(self._frontier, expected, leaf)
        if entry.frontier is not None and entry.frontier != b"".join(frontier):
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
                f"{self._covered} to {self._size - 1} was rewritten with all its hashes, or the log was forked there",
                self._covered,
            )
            return False
        self._covered = self._size
        return True


def expected_roots(heads: Iterable[TreeHead]) -> dict[int, set[str]]:
    """The roots that checkpoints claim, by size."""
    expected: dict[int, set[str]] = defaultdict(set)
    for head in heads:
        expected[head.size].add(head.root_hash)
    return dict(expected)


def fork_among(expected: dict[int, set[str]]) -> tuple[str, int | None] | None:
    """Two heads of one size with different roots: whoever holds the key told two stories. No entry can mend that."""
    for size, roots in sorted(expected.items()):
        if len(roots) > 1 or (size == 0 and roots != {merkle.EMPTY_ROOT.hex()}):
            told = ", ".join(f"{root[:12]}…" for root in sorted(roots))
            return f"the log was forked: checkpoints of size {size} claim different roots ({told})", None
    return None


def truncation(expected: dict[int, set[str]], size: int) -> tuple[str, int] | None:
    """What is wrong when checkpoints vouch for more entries than there are."""
    promised = max(expected, default=0)
    if promised <= size:
        return None
    gone = f"the log ends after {size} entries, but a checkpoint vouches for {promised}: "
    return f"{gone}entries {size} to {promised - 1} are gone", size


def seconds_between(earlier: str, later: str) -> float:
    """0 for what is no time."""
    try:
        return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
    except (ValueError, TypeError):  # TypeError: one of them has no zone
        return 0.0
