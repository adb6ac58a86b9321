"""Online values against the newest rows of the offline history, and these against what the events say.

Both are needed: an online store that lost a write differs from the history, and where materialization itself is wrong
the two agree with each other and not with the events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isnan
from typing import Literal

from platform_core.catalog.specs import DataSource, FeatureView
from platform_core.features.online.port import FeatureRow
from platform_core.features.values import FeatureValue
from platform_core.monitoring.recomputation import recomputed
from platform_core.monitoring.recorded_rows import recorded_rows
from platform_core.view import PlatformView

TOLERANCE = 1e-6
"""Relative: sums of doubles in another order differ in the last bits only."""
SKETCH_TOLERANCE = 0.15
"""Relative, for approx_distinct: HyperLogLog against an exact count, and never less than one."""
EXAMPLES = 4

_COUNTS = frozenset({"count", "approx_distinct"})

Side = Literal["online", "offline history", "recomputation"]


@dataclass(slots=True)
class Comparison:
    """Values of `first` against those of `second`. `wrong` are the differing ones, (key, feature); `examples` say what
    the first few are."""

    first: Side
    second: Side
    compared: int = 0
    wrong: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    examples: list[str] = field(default_factory=list[str])

    @property
    def counted(self) -> str:
        """E.g. `online != offline history in 3 of 160 values`."""
        return f"{self.first} != {self.second} in {len(self.wrong)} of {self.compared} values"

    def count(self, row: FeatureRow, feature: str, one: FeatureValue, other: FeatureValue, *, same: bool) -> None:
        self.compared += 1
        if not same:
            sides = f"{self.first} {_shown(one)}, {self.second} {_shown(other)}"
            self.differ(row, [feature], f"{feature} of {row.key!r} at {row.event_ts:%H:%M:%S}: {sides}")

    def differ(self, row: FeatureRow, features: Iterable[str], example: str) -> None:
        self.wrong.update((row.key, feature) for feature in features)
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of the sampled online rows. `online`: with the history; `history`: with the events; `unrecorded`: the online
    values with the events, of rows that the history does not have yet, or of a view without one."""

    sampled: int
    online: Comparison
    history: Comparison
    unrecorded: Comparison

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        return self.online, self.history, self.unrecorded

    @property
    def compared(self) -> int:
        """Online values: each is compared with the history or, where it is not there yet, with the events."""
        return self.online.compared + self.unrecorded.compared

    @property
    def wrong(self) -> Counter[str]:
        """By feature the values that some comparison found wrong."""
        return Counter(feature for _, feature in set[tuple[str, str]]().union(*(c.wrong for c in self.comparisons)))

    @property
    def mismatches(self) -> int:
        return self.wrong.total()

    @property
    def rate(self) -> float:
        return self.mismatches / self.compared if self.compared else 0.0

    @property
    def apart(self) -> str:
        """How much differs, comparison by comparison; empty when nothing does."""
        return "; ".join(c.counted for c in self.comparisons if c.wrong)

    @property
    def said(self) -> str:
        """`apart` with the examples, e.g. `amount of 'c1' at …: online 2.0, offline history 1.0`."""
        return "; ".join(f"{c.counted}: {'; '.join(c.examples)}" for c in self.comparisons if c.wrong)


def compare(platform: PlatformView, view: FeatureView, source: DataSource, sample: list[FeatureRow]) -> Agreement:
    """Each sampled online row against the newest row of its key in the offline history, and that row (or the online
    one, where the history has none yet) against the events in (t - window, t] that had arrived when it was written."""
    taken = platform.clock.now()
    found = Agreement(
        len(sample),
        Comparison("online", "offline history"),
        Comparison("offline history", "recomputation"),
        Comparison("online", "recomputation"),
    )
    names = [f.name for f in view.fields]
    recorded = recorded_rows(platform, view, source, sample, taken)
    judged: list[tuple[FeatureRow, Comparison]] = []
    for row in sample:
        kept = None if recorded is None else recorded.rows.get(row.key)
        known = [name for name in names if name in row.values]
        if recorded is None or (_is_behind(kept, row, known) and recorded.awaits(row)):
            judged.append((row, found.unrecorded))
            continue
        _against_history(found.online, row, kept, known)
        if kept is not None:
            judged.append((kept, found.history))
    functions = {a.name: a.function for a in view.aggregations}
    fresh = recomputed(platform, view, source, [row for row, _ in judged]) if judged else []
    for (row, comparison), values in zip(judged, fresh, strict=True):
        for name in names:
            if name in row.values:
                one, other = row.values[name], values[name]
                comparison.count(row, name, one, other, same=_same(functions.get(name), one, other))
    return found


def _is_behind(kept: FeatureRow | None, row: FeatureRow, names: list[str]) -> bool:
    """Whether `kept` is of an earlier event than `row`, or of the same one without what came late, with which `row` was
    written anew. (A backfill writes anew online, and not to the history, also what did not change.)"""
    if kept is None or kept.event_ts != row.event_ts:
        return kept is None or kept.event_ts < row.event_ts
    changed = any(not _equal(row.values[name], kept.values.get(name)) for name in names)
    return changed and kept.created_ts < row.created_ts


def _against_history(found: Comparison, row: FeatureRow, kept: FeatureRow | None, names: list[str]) -> None:
    if kept is not None and kept.event_ts == row.event_ts:
        for name in names:
            one, other = row.values[name], kept.values.get(name)
            found.count(row, name, one, other, same=_equal(one, other))
        return
    found.compared += len(names)
    newest = "none" if kept is None else f"one of {kept.event_ts:%Y-%m-%d %H:%M:%S}"
    there = f"online one of {row.event_ts:%Y-%m-%d %H:%M:%S}, offline history {newest}"
    found.differ(row, names, f"the newest row of {row.key!r}: {there}")


def _shown(value: FeatureValue) -> str:
    return "null" if value is None else repr(value) if isinstance(value, str) else str(value)


def _same(function: str | None, online: FeatureValue, fresh: FeatureValue) -> bool:
    """Whether `online` is what `function` (None: the view has no aggregations) makes of the events."""
    if function in _COUNTS and (online is None or fresh is None):
        # a count over nothing is 0 in SQL and may be null online: the model reads both as "nothing seen"
        return (online or 0.0) == (fresh or 0.0)
    if function == "approx_distinct":
        exact = float(fresh)  # type: ignore[arg-type]
        return abs(float(online) - exact) <= max(1.0, SKETCH_TOLERANCE * exact)  # type: ignore[arg-type]
    return _equal(online, fresh)


def _equal(one: FeatureValue, other: FeatureValue) -> bool:
    if not (isinstance(one, float | int) and isinstance(other, float | int)):
        return one == other
    if not (isinstance(one, float) or isinstance(other, float)):
        return one == other
    return abs(one - other) <= TOLERANCE * max(1.0, abs(other)) or (isnan(one) and isnan(other))
