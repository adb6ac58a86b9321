"""Two samples of a column as shares of common bins, binned as Evidently bins them, and PSI and Jensen-Shannon of those.

Source of the definitions: Evidently 0.7, `legacy/calculations/stattests/{utils,psi,jensenshannon}.py`. A numeric column
whose reference has over 20 different values: bins of equal width over both samples together, as many as Sturges' rule
says (`numpy.histogram_bin_edges(…, "sturges")`). Anything else: one bin per value. Nulls and infinities are left out.

    PSI = sum (r - c) ln(r / c)        an empty share counts as 0.0001, or as a millionth of the smallest share if that
                                       is below 0.0001
    JS  = sqrt((KL(r || m) + KL(c || m)) / 2),  m = (r + c) / 2, natural logarithm

Figures agree with Evidently's to about 1e-15; a test and `benchmarks/drift_screen.py` hold them to 1e-12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

DISCRETE = 20
"""Numbers with so many different values at most in the reference are taken for categories."""

_PEEK = 1000
_BLOCK = 16_384
"""Values at a time: what is computed from them stays in the cache."""

_NEAR = 1e-6
"""Of a bin's width. Position and edges are off by some 1e-15 of the range, hence by 1e-13 of a width."""


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one sample that are there, and how many were not. Text for categories, else float64 or int64."""

    values: npt.NDArray[Any]
    missing: int

    @property
    def numeric(self) -> bool:
        return self.values.dtype.kind in "fiu"


def column_of(values: pa.ChunkedArray | pa.Array) -> Column:
    """Nulls and numbers that are not finite are missing. Raises TypeError for a type without an order or a name."""
    rows = len(values)
    present = values.drop_null()
    dtype = present.type
    if pa.types.is_null(dtype):
        return Column(np.zeros(0), rows)
    if pa.types.is_floating(dtype) or pa.types.is_integer(dtype):
        numbers = np.asarray(present.to_numpy())
        if pa.types.is_floating(dtype):
            numbers = numbers.astype(np.float64, copy=False)
            if not np.isfinite(numbers.sum()):  # one pass, and nothing is copied, where all are finite
                numbers = numbers[np.isfinite(numbers)]
        return Column(numbers, rows - len(numbers))
    if pa.types.is_boolean(dtype) or pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        return Column(np.asarray(present.cast(pa.string()).to_numpy(zero_copy_only=False)), rows - len(present))
    raise TypeError(f"a column of {dtype} has no distribution to compare")


def histograms(reference: Column, current: Column) -> tuple[Counts, Counts]:
    """Counts of both samples in the same bins; an empty sample counts nothing."""
    if reference.numeric and current.numeric and _many(reference.values):
        edges = sturges(reference.values, current.values)
        return counted(reference.values, edges), counted(current.values, edges)
    return by_value(reference.values, current.values)


def by_value(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> tuple[Counts, Counts]:
    """A bin per value, by hashing: sorting a hundred thousand values to find five costs more than all the rest."""
    counts = [_value_counts(reference), _value_counts(current)]
    names = sorted(counts[0].keys() | counts[1].keys())
    first, second = (np.array([found.get(name, 0) for name in names], dtype=np.int64) for found in counts)
    return first, second


def _value_counts(values: npt.NDArray[Any]) -> dict[Any, int]:
    if not len(values):
        return {}
    found = _compute.value_counts(pa.array(values))
    return dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True))


def sturges(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> Floats:
    """Edges as `numpy.histogram_bin_edges` makes them from both samples, without putting them together."""
    low = min(reference.min(), current.min())
    high = max(reference.max(), current.max())
    width = (high - low) / (math.log2(len(reference) + len(current)) + 1.0)
    if reference.dtype.kind in "iu" and current.dtype.kind in "iu":
        width = max(width, 1)
    return np.linspace(low, high, math.ceil((high - low) / width) + 1)


def counted(values: npt.NDArray[Any], edges: Floats) -> Counts:
    """As `numpy.histogram(values, edges)[0]`, for edges of equal width: the bin by division, and by comparison with the
    edges for the few values so near to one that rounding could decide."""
    last = len(edges) - 2
    scale = (last + 1) / (edges[-1] - edges[0])
    counts = np.zeros(last + 1, dtype=np.int64)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        position = (block - edges[0]) * scale
        place = position.astype(np.intp)
        position -= place
        np.abs(position - 0.5, out=position)
        (close,) = np.nonzero(position > 0.5 - _NEAR)
        if len(close):
            exact = np.searchsorted(edges, block[close], side="right") - 1
            place[close] = np.minimum(exact, last)
        counts += np.bincount(place, minlength=last + 1)
    return counts


def psi_of(reference: Counts, current: Counts) -> float:
    """Of counts in common bins; both samples must hold something."""
    return psi(reference / reference.sum(), current / current.sum())


def psi(reference_shares: Floats, current_shares: Floats) -> float:
    """Of shares of common bins: the one that all figures called PSI are made with."""
    r, c = _filled(reference_shares), _filled(current_shares)
    return float(np.sum((r - c) * np.log(r / c)))


def jensen_shannon_of(reference: Counts, current: Counts) -> float:
    r, c = reference / reference.sum(), current / current.sum()
    middle = (r + c) / 2
    return math.sqrt(max((_divergence(r, middle) + _divergence(c, middle)) / 2, 0.0))


def _filled(shares: Floats) -> Floats:
    if shares.all():
        return shares
    smallest = shares[shares > 0].min()
    return np.where(shares == 0, smallest / 1e6 if smallest <= 1e-4 else 1e-4, shares)


def _divergence(p: Floats, q: Floats) -> float:
    some = p > 0
    return float(np.sum(p[some] * np.log(p[some] / q[some])))


def different(values: npt.NDArray[Any]) -> int:
    """How many different values there are."""
    return len(_compute.unique(pa.array(values)))


def _many(values: npt.NDArray[Any]) -> bool:
    """Whether there are over `DISCRETE` different ones; mostly the first few say so."""
    return len(np.unique(values[:_PEEK])) > DISCRETE or different(values) > DISCRETE
