"""The columns of the answer: what they are called, their values, and what a null in them means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.features.point_in_time.join import Joined
from platform_core.features.point_in_time.newest import NO_ROW
from platform_core.features.point_in_time.questions import Questions
from platform_core.features.references import Reference

STATUS_SUFFIX = "__status"


def with_status(name: str, statuses: bool) -> tuple[str, ...]:
    return (name, f"{name}{STATUS_SUFFIX}") if statuses else (name,)


def column_names(
    wanted: Sequence[Reference], entity_rows: pa.Table, full_names: bool, statuses: bool
) -> dict[Reference, str]:
    names = {r: r.full_name if full_names else r.feature for r in wanted}
    taken: dict[str, str] = dict.fromkeys(entity_rows.column_names, "the entity rows")
    for reference, name in names.items():
        for column in with_status(name, statuses):
            if column in taken:
                raise InvalidInput(
                    f"the column {column!r} of {reference} would be a second one beside that of {taken[column]}",
                    hint="rename or drop the entity rows' own column" if full_names else "ask with full names",
                )
            taken[column] = str(reference)
    return names


def answer_columns(
    joined: Joined, asked: Questions, features: Mapping[str, str], size: int, statuses: bool
) -> dict[str, pa.ChunkedArray | pa.Array]:
    """Values, and statuses if wanted, in the order of the entity rows, by their names in the result."""
    row = np.full(size, NO_ROW)
    row[asked.order] = joined.answers.row
    taken = joined.rows.take(pa.array(row, mask=row == NO_ROW))
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}
    known = np.zeros(size, np.bool_)
    known[asked.order] = joined.answers.known
    for feature, name in features.items():
        columns[name] = taken[feature]
        if statuses:
            null = taken[feature].is_null().to_numpy()
            text = np.select([~null, row != NO_ROW, known], ["present", "null", "expired"], "missing")
            columns[f"{name}{STATUS_SUFFIX}"] = pa.array(text, pa.string())
    return columns
