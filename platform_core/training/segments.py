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
    edges = _edges(numbers[known], segment.buckets)
    if len(edges) == 0:
        labels = np.array([f"{numbers[known][0]:g}", UNKNOWN])
    else:
        names = [f"below {edges[0]:g}", *(f"{a:g} to {b:g}" for a, b in pairwise(edges))]
        labels = np.array([*names, f"{edges[-1]:g} and more", UNKNOWN])
    return labels[np.where(known, np.searchsorted(edges, numbers, side="right"), len(labels) - 1)]


def _edges(values: npt.NDArray[np.float64], buckets: int) -> npt.NDArray[np.float64]:
    """Between buckets of about equal size; equal numbers are never parted, so that of a crowded column fewer are
    left, of a constant one none."""
    above = values[values > values.min()]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, buckets + 1)[1:-1], method="higher"))
    edges = edges[edges > values.min()]
    return edges if len(edges) or not len(above) else above.min(keepdims=True)
