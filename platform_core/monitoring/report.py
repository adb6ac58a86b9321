"""The full drift report, by Evidently, for what the monitors' quick screen flagged."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa


def write_drift_report(reference: pa.Table, current: pa.Table, path: Path, *, psi_limit: float = 0.25) -> Path:
    """Compare the columns that both tables have and write one self-contained HTML file. Takes seconds.

    Numbers and texts, and truth values as 0 and 1; PSI for all of them, so that figures compare with the drift
    monitor's.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import Report
    from evidently.presets import DataDriftPreset

    common = [name for name in reference.column_names if name in current.column_names]
    reference, current = _judged(reference.select(common)), _judged(current.select(common))
    columns = [name for name in reference.column_names if name in current.column_names]
    report = Report([DataDriftPreset(columns=columns, method="psi", threshold=psi_limit)])
    snapshot = report.run(current.select(columns).to_pandas(), reference.select(columns).to_pandas())
    path.parent.mkdir(parents=True, exist_ok=True)
    snapshot.save_html(str(path))
    return path


def _judged(table: pa.Table) -> pa.Table:
    """Its columns that are numbers or text. Whole numbers and truth values become floats: nulls among them would make
    them objects in pandas, which are no numbers to the report."""
    columns: dict[str, pa.ChunkedArray] = {}
    for field in table.schema:
        column = table.column(field.name)
        if pa.types.is_boolean(field.type):
            column = column.cast(pa.int64())
        if pa.types.is_integer(column.type):
            column = column.cast(pa.float64(), safe=False)
        if pa.types.is_floating(column.type) or pa.types.is_string(field.type):
            columns[field.name] = column
    return pa.table(columns)
