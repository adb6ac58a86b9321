"""The parts of the data that a model is also judged on: countries, channels, merchants by size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.training.plan import Segment

UNKNOWN = "unknown"


def segment_values(
    segments: Sequence[Segment], columns: Mapping[str, pa.ChunkedArray]
) -> dict[str, npt.NDArray[np.str_]]:
    """Each row's value, by segment; a null is `unknown`. Raises InvalidInput for a column that cannot be cut."""
    return {segment.name: _values(segment, columns[segment.column]) for segment in segments}


def _values(segment: Segment, column: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    if segment.buckets is None:
        return np.array([UNKNOWN if value is None else str(value) for value in column.to_pylist()], dtype=np.str_)
    try:
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    except pa.ArrowException as error:
        raise InvalidInput(
            f"segment {segment.name!r} cuts {segment.column!r}, which is {column.type}", hint="leave buckets out"
        ) from error
    known = ~np.isnan(numbers)
    if not known.any():
        return np.full(len(numbers), UNKNOWN)
    # Equal numbers are never parted: of a crowded column fewer buckets are left.
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, segment.buckets + 1)[1:-1], method="higher"))
    names = [f"below {edges[0]:g}", *(f"{a:g} to {b:g}" for a, b in pairwise(edges))]
    labels = np.array([*names, f"{edges[-1]:g} and more", UNKNOWN])
    return labels[np.where(known, np.searchsorted(edges, numbers, side="right"), len(labels) - 1)]
