"""The fast way through an export that holds: its lines are what is hashed, so nothing need be parsed.

Lines must be as `audit.export` writes them; for lines that other tools wrote again, and to say what is wrong with a log
that does not hold, `audit.export` reads them one by one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from audit import merkle
from audit.leaf import FIRST_PREVIOUS_HASH
from audit.replay import ClockSteps, VerificationReport, fork_among, truncation

_OPEN = b'{"entry":'
_HASH = b',"leaf_hash":"'
_PREVIOUS = b'{"entry":{"previous_hash":"'
_AT_CHARS = len("2026-11-19T05:51:00.000000+00:00")


_END = re.compile(rb'"(?:,"shredded":\["[a-z_]+"(?:, "[a-z_]+")*\])?}\n?')
"""Nothing else may follow: a second `entry` would be what other readers take for the first."""


class LineReading:
    """`expected` are the roots that checkpoints claim, by size."""

    def __init__(self, expected: dict[int, set[str]]) -> None:
        self._expected = expected
        self._size = 0
        self._peaks: list[bytes] = []
        self._clock = ClockSteps()

    def report(self, lines: Iterable[bytes]) -> VerificationReport | None:
        """The report of an export that holds, None for every other."""
        if fork_among(self._expected) or not self._hold(lines) or truncation(self._expected, self._size):
            return None
        return VerificationReport(
            ok=True,
            entries=self._size,
            root_hash=merkle.root_of(tuple(self._peaks)).hex(),
            checkpoints=sum(len(roots) for roots in self._expected.values()),
            covered=max(self._expected, default=0),
            steps_back=self._clock.count,
            largest_step_back_seconds=self._clock.largest,
        )

    def _hold(self, lines: Iterable[bytes]) -> bool:
        sha256, expected, peaks, clock, ended = hashlib.sha256, self._expected, self._peaks, self._clock, _END.fullmatch
        size, last, before = 0, FIRST_PREVIOUS_HASH.encode(), b""
        for line in lines:
            if line.startswith(b'{"checkpoint"'):
                continue
            end = line.rfind(_HASH)
            entry, leaf_hash = line[len(_OPEN) : end], line[end + len(_HASH) : end + len(_HASH) + 64]
            leaf = sha256(b"\0" + entry).digest()
            tail = b',"sequence":%d}' % size
            if not (
                leaf.hex().encode() == leaf_hash
                and line.startswith(_PREVIOUS)
                and line[len(_PREVIOUS) : len(_PREVIOUS) + 64] == last
                and entry.endswith(tail)
                and ended(line, end + len(_HASH) + 64)
            ):
                return False
            last, rest = leaf_hash, size
            while rest & 1:
                leaf = sha256(b"\1" + peaks.pop() + leaf).digest()
                rest >>= 1
            peaks.append(leaf)
            self._size = size = size + 1
            if size in expected and expected[size] != {merkle.root_of(tuple(peaks)).hex()}:
                return False
            at = entry[-len(tail) - _AT_CHARS - 1 : -len(tail) - 1]
            if at < before:
                clock.see(before.decode(errors="replace"))
                clock.see(at.decode(errors="replace"))
            before = at
        return True
