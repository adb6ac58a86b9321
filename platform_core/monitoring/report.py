"""The full drift report, by Evidently, for what the monitors' quick screen flagged."""

from __future__ import annotations

import atexit
import os
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute

from foundation.errors import InvalidInput

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them


def write_drift_report(reference: pa.Table, current: pa.Table, path: Path, *, psi_limit: float = 0.25) -> Path:
    """Compare the columns that both tables have and write one self-contained HTML file. Takes seconds.

    Numbers and texts, and truth values as 0 and 1; PSI for all of them, so that figures compare with the drift
    monitor's. A column without a value on one side is left out: there is nothing to draw. Raises InvalidInput when that
    leaves none.
    """
    common = [name for name in reference.column_names if name in current.column_names]
    reference, current = _judged(reference.select(common)), _judged(current.select(common))
    columns = [name for name in reference.column_names if name in current.column_names]
    if not columns:
        raise InvalidInput(f"no report can be drawn of {', '.join(common)}: a sample holds no value")
    report_of, preset_of = _evidently()
    report = report_of([preset_of(columns=columns, method="psi", threshold=psi_limit)])
    snapshot = report.run(current.select(columns).to_pandas(), reference.select(columns).to_pandas())
    path.parent.mkdir(parents=True, exist_ok=True)
    snapshot.save_html(str(path))
    return path


@cache
def _evidently() -> tuple[Any, Any]:
    """`Report` and `DataDriftPreset`. Importing them makes an event loop that nobody closes: this does, at the end."""
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import Report
    from evidently.legacy.utils import sync
    from evidently.presets import DataDriftPreset

    atexit.register(_end, vars(sync)["_loop"], vars(sync)["_thr"])
    return Report, DataDriftPreset


def _end(loop: Any, thread: Any) -> None:
    """Close the loop; its thread runs only where a report was asked for from within another loop."""
    if thread.is_alive():
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
    loop.close()


def _judged(table: pa.Table) -> pa.Table:
    """Its columns that are numbers or text, with a value. Whole numbers and truth values become floats: nulls among
    them would make them objects in pandas, which are no numbers to the report. Nor are infinities to its bins."""
    columns: dict[str, pa.ChunkedArray] = {}
    for field in table.schema:
        column = table.column(field.name)
        if pa.types.is_boolean(field.type):
            column = column.cast(pa.int64())
        if pa.types.is_integer(column.type):
            column = column.cast(pa.float64(), safe=False)
        if pa.types.is_floating(column.type):
            column = _compute.if_else(_compute.is_finite(column), column, pa.scalar(None, column.type))
        elif not pa.types.is_string(column.type):
            continue
        if column.null_count < len(column):
            columns[field.name] = column
    return pa.table(columns)
