"""Which of many columns have drifted: a sample large enough, an effect that matters, and only then its p-value.

- Effect: total variation between the two samples over bins of equal reference mass (ventiles), less what chance gives.
  It is the share of rows that would have to be moved: 0.3 standard deviations are 0.12, five points of category mass
  are 0.05, and it does not depend on how heavy the tails are. (Evidently's bins of equal width hold nearly all of a
  heavy-tailed amount in the first one.) Missing values are a bin of their own.
- P-value: Pearson's chi-square for two samples over the same bins, bins that expect under five rows joined.
- Of all columns judged together those are drifted whose effect is over the limit and whose p-value survives
  Benjamini and Hochberg (1995) at `fdr`. Where nothing drifted at all, that errs in a share `fdr` of the runs.

Samples are judged on at most `JUDGED` rows each, evenly taken: more rows only make what does not matter significant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from platform_core.monitoring.shares import DISCRETE, Column, Counts, by_value
from platform_core.monitoring.statistics import chi_square_tail

JUDGED = 20_000
BINS = 20
MINIMUM_ROWS = 200
EFFECT = 0.03
FDR = 0.001
_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one column: total variation less chance, never below 0, and the p-value of what was counted."""

    effect: float
    p_value: float
    reference_rows: int
    current_rows: int

    @property
    def enough(self) -> bool:
        return min(self.reference_rows, self.current_rows) >= MINIMUM_ROWS


def evidence(reference: Column, current: Column) -> Evidence:
    """Counts rows with a missing value, too: they may be all there is."""
    rows = len(reference.values) + reference.missing, len(current.values) + current.missing
    if min(rows) < MINIMUM_ROWS:
        return Evidence(0.0, 1.0, *rows)
    r, c = _bins(_judged(reference.values, rows[0]), _judged(current.values, rows[1]))
    lost = round(reference.missing * _share(rows[0])), round(current.missing * _share(rows[1]))
    r, c = np.append(r, lost[0]), np.append(c, lost[1])
    return Evidence(_effect(r, c), _p_value(r, c), *rows)


def drifted(found: Sequence[Evidence], *, effect: float = EFFECT, fdr: float = FDR) -> list[bool]:
    """Which of `found`, judged together, have drifted."""
    enough = [e.enough for e in found]
    p_values = np.array([e.p_value for e in found], dtype=np.float64)
    survive = benjamini_hochberg(p_values[np.array(enough, dtype=bool)], fdr) if any(enough) else 0.0
    return [ok and e.effect >= effect and e.p_value <= survive for ok, e in zip(enough, found, strict=True)]


def benjamini_hochberg(p_values: npt.NDArray[np.float64], fdr: float) -> float:
    """The largest p-value that is rejected; below 0 when none is."""
    ranked = np.sort(p_values)
    passed = np.nonzero(ranked <= fdr * np.arange(1, len(ranked) + 1) / len(ranked))[0]
    return float(ranked[passed[-1]]) if len(passed) else -1.0


def _bins(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> tuple[Counts, Counts]:
    numeric = reference.dtype.kind in "fiu" and current.dtype.kind in "fiu"
    if numeric and len(reference):
        ranked = np.sort(reference)
        edges = np.unique(ranked[len(ranked) * np.arange(1, BINS) // BINS])
        if len(edges) >= BINS - 1 or len(np.unique(ranked)) > DISCRETE:
            return _between(ranked, edges), _between(np.sort(current), edges)
    return by_value(reference, current)


def _between(ranked: npt.NDArray[Any], edges: npt.NDArray[Any]) -> Counts:
    """How many of the sorted values lie below the first edge, from each edge up to the next, and from the last on."""
    below = np.searchsorted(ranked, edges, side="left")
    return np.diff(below, prepend=0, append=len(ranked))


def _share(rows: int) -> float:
    return min(1.0, JUDGED / rows)


def _judged(values: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    wanted = int(len(values) * _share(rows))
    if wanted >= len(values):
        return values
    return values[np.linspace(0, len(values) - 1, wanted).astype(np.int64)]


def _effect(reference: Counts, current: Counts) -> float:
    n, m = reference.sum(), current.sum()
    r, c = reference / n, current / m
    together = (reference + current) / (n + m)
    # Half the mean absolute difference of two normal shares, summed over the bins.
    chance = np.sqrt(2 / math.pi * together * (1 - together) * (1 / n + 1 / m)).sum() / 2
    return max(float(np.abs(r - c).sum() / 2 - chance), 0.0)


def _p_value(reference: Counts, current: Counts) -> float:
    n, m = float(reference.sum()), float(current.sum())
    together = (reference + current).astype(np.float64)
    small = together * min(n, m) / (n + m) < _EXPECTED
    r = np.append(reference[~small], reference[small].sum())
    c = np.append(current[~small], current[small].sum())
    kept = (r + c) > 0
    r, c = r[kept], c[kept]
    if len(r) < 2:
        return 1.0
    statistic = float(np.sum((r * math.sqrt(m / n) - c * math.sqrt(n / m)) ** 2 / (r + c)))
    return chi_square_tail(statistic, len(r) - 1)
