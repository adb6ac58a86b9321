"""The fast way through an export that holds: its lines are what is hashed, so nothing need be parsed.

Lines must be as `audit.export` writes them; for lines that other tools wrote again, and to say what is wrong with a log
that does not hold, `audit.export` reads them one by one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from audit import merkle
from audit.chain import split_frontier
from audit.export_format import line_of
from audit.leaf import FIRST_PREVIOUS_HASH
from audit.replay import ClockSteps, VerificationReport, fork_among, truncation
from foundation.errors import InvalidInput

_OPEN = b'{"entry":'
_HASH = b',"leaf_hash":"'
_PREVIOUS = b'{"entry":{"previous_hash":"'
_PLAIN = 64 + len(b'"}\n')
_AT_CHARS = len("2026-11-19T05:51:00.000000+00:00")


_END = re.compile(rb'"(?:,"shredded":\["[a-z_]+"(?:, "[a-z_]+")*\])?}\n?')
"""Nothing else may follow: a second `entry` would be what other readers take for the first."""


class LineReading:
    """`expected` are the roots that checkpoints claim, by size."""

    def __init__(self, expected: dict[int, set[str]]) -> None:
        self._expected = expected
        self._size = 0
        self._peaks: merkle.Frontier = ()
        self._clock = ClockSteps()

    def report(self, lines: Iterable[bytes]) -> VerificationReport | None:
        """The report of an export that holds, None for every other."""
        if fork_among(self._expected) or not self._hold(lines) or truncation(self._expected, self._size):
            return None
        return VerificationReport(
            ok=True,
            entries=self._size,
            root_hash=merkle.root_of(self._peaks).hex(),
            checkpoints=sum(len(roots) for roots in self._expected.values()),
            covered=max(self._expected, default=0),
            steps_back=self._clock.count,
            largest_step_back_seconds=self._clock.largest,
        )

    def _hold(self, lines: Iterable[bytes]) -> bool:
        sha256, expected, clock, ended = hashlib.sha256, self._expected, self._clock, _END.fullmatch
        size, peaks, before = 0, b"", b""  # the peaks of the tree so far, 32 bytes each
        start = _PREVIOUS + FIRST_PREVIOUS_HASH.encode()
        for line in lines:
            if not line.startswith(start):
                if line.startswith(b'{"checkpoint"'):
                    continue
                return False
            end = line.rfind(_HASH)
            entry, rest = line[len(_OPEN) : end], line[end + len(_HASH) :]
            leaf = sha256(b"\0" + entry).digest()
            leaf_hash = leaf.hex().encode()
            tail = b',"sequence":%d}' % size
            if not (
                rest.startswith(leaf_hash)
                and entry.endswith(tail)
                and ((len(rest) == _PLAIN and rest.endswith(b'"}\n')) or (ended(rest, 64) and _is_line(line)))
            ):
                return False
            start = _PREVIOUS + leaf_hash
            left, end = size, len(peaks)
            while left & 1:
                leaf = sha256(b"\1" + peaks[end - 32 : end] + leaf).digest()
                left, end = left >> 1, end - 32
            peaks, size = peaks[:end] + leaf, size + 1
            if size in expected and expected[size] != {merkle.root_of(split_frontier(peaks)).hex()}:
                return False
            at = entry[-len(tail) - _AT_CHARS - 1 : -len(tail) - 1]
            if at[26:] != b"+00:00" or entry[-len(tail) - _AT_CHARS - 2 : -len(tail) - _AT_CHARS - 1] != b'"':
                return False  # no time as the log writes it
            if at < before:
                clock.see(before.decode(errors="replace"))
                clock.see(at.decode(errors="replace"))
            before = at
        self._size, self._peaks = size, split_frontier(peaks)
        return True


def _is_line(line: bytes) -> bool:
    """With all that is checked of one that says more than its entry and hash."""
    try:
        line_of(line)
    except InvalidInput:
        return False
    return True
