"""Ctrl-C in a materialization: it is one, whoever met it, and the person is told how to go on."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from foundation.clock import FixedClock
from interfaces.cli.features import materialization
from platform_core.features.ranged import Advance
from platform_core.features.recorded_run import recorded
from platform_core.operations.timeline import JobRun
from tests.fakes.velocity import NOW, Operations

RUN = JobRun(
    id="run_1", job="job:x", subject="feature_view:card_velocity", tenant="br", started_at=NOW, status="running"
)


def test_an_interrupted_query_is_an_interrupt() -> None:
    """In DuckDB's own words for a signal that met a query."""
    operations: Any = Operations()
    with pytest.raises(KeyboardInterrupt), recorded(operations, FixedClock(NOW), RUN, "backfill", "human:ana"):
        raise RuntimeError("Query interrupted")
    run = operations.runs["run_1"]
    assert (run.status, run.error) == ("cancelled", "interrupted: KeyboardInterrupt")


@pytest.mark.parametrize("chunks", [0, 1])
def test_the_person_is_told_how_far_it_came(chunks: int, capsys: pytest.CaptureFixture[str]) -> None:
    progress = materialization._progress  # pyright: ignore[reportPrivateUsage]

    def run() -> None:
        with progress("card_velocity br", shown=False) as on_chunk:
            for _ in range(chunks):
                on_chunk(Advance(1, 2, 1, NOW))
            raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as ended:
        run()
    said = capsys.readouterr().err
    assert ended.value.exit_code == 130
    assert ("stopped at 2026-11-19 05:51:00 UTC" if chunks else "stopped before its first chunk") in said
    assert "run it again to go on" in said
