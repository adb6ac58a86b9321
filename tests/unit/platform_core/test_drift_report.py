"""Evidently's report for what the screen flagged."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from platform_core.monitoring import report
from platform_core.monitoring.report import write_drift_report


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_the_report_is_one_html_file_about_the_common_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    reference = pa.table({"amount": rng.lognormal(3, 1, 500), "channel": ["pos", "online"] * 250})
    current = pa.table({"amount": rng.lognormal(3, 1, 200) * 100, "channel": ["pos", "online"] * 100, "new": [1] * 200})
    written = write_drift_report(reference, current, tmp_path / "reports" / "drift.html")
    text = written.read_text(encoding="utf-8")
    assert text.lstrip().lower().startswith(("<!doctype html", "<html"))
    assert "amount" in text


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_whole_numbers_and_truth_values_are_reported_too(tmp_path: Path) -> None:
    def rows(count: int, rate: float) -> pa.Table:
        drawn = np.random.default_rng(count)
        numbers = [None if n % 50 == 0 else int(n) for n in drawn.poisson(rate, count)]
        return pa.table({"tries": pa.array(numbers, pa.int64()), "new": pa.array(drawn.random(count) < rate / 10)})

    text = write_drift_report(rows(500, 2.0), rows(300, 8.0), tmp_path / "drift.html").read_text(encoding="utf-8")
    assert "tries" in text
    assert "new" in text


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_the_event_loop_of_the_import_is_closed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently makes one when it is imported, and closes it nowhere: a process that drew a report would end with a
    ResourceWarning, wherever the garbage is collected."""
    registered: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", lambda end, *given: registered.append(partial(end, *given)))
    report._evidently.cache_clear()
    report._evidently()
    from evidently.legacy.utils import sync

    assert not sync._loop.is_closed()
    (at_the_end,) = registered
    sync._thr.start()  # as where a report is asked for from within another loop
    at_the_end()
    assert sync._loop.is_closed()
    assert not sync._thr.is_alive()
