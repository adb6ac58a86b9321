"""The full drift report, by Evidently, for what the monitors' quick screen flagged."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa


def write_drift_report(reference: pa.Table, current: pa.Table, path: Path, *, psi_limit: float = 0.25) -> Path:
    """Compare the columns that both tables have and write one self-contained HTML file. Takes seconds.

    Numeric and string columns only; PSI for all of them, so that figures compare with the drift monitor's.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import Report
    from evidently.presets import DataDriftPreset

    columns = [
        field.name
        for field in reference.schema
        if field.name in current.column_names and (pa.types.is_floating(field.type) or pa.types.is_string(field.type))
    ]
    report = Report([DataDriftPreset(columns=columns, method="psi", threshold=psi_limit)])
    snapshot = report.run(current.select(columns).to_pandas(), reference.select(columns).to_pandas())
    path.parent.mkdir(parents=True, exist_ok=True)
    snapshot.save_html(str(path))
    return path
