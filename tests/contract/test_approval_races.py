"""Forked processes race for approvals over one database. `benchmarks.approval_races` does it 10,000 times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.approval_races import run
from guardrails.executor.executor import Executor

RACES, PROCESSES = 40, 3


def test_no_race_ends_in_two_effects_on_sqlite(tmp_path: Path) -> None:
    counts = run(f"sqlite:///{tmp_path / 'races.db'}", RACES, PROCESSES, tmp_path)
    assert (counts["double"], counts["expired"], counts["altered"]) == (0, 0, 0), counts
    assert counts["effects"] > 0, counts


@pytest.mark.server
def test_no_race_ends_in_two_effects_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    counts = run(postgres_url, RACES, PROCESSES, tmp_path)
    assert (counts["double"], counts["expired"], counts["altered"]) == (0, 0, 0), counts
    assert counts["effects"] > 0, counts


def test_without_the_claim_the_same_races_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control: the processes are forked with the guards taken out."""
    monkeypatch.setattr("guardrails.executor.claiming.Claims.take", lambda *_: True)
    monkeypatch.setattr("guardrails.executor.checks.require_same_target", lambda *_: None)
    monkeypatch.setattr(Executor, "for_approval", lambda *_: None)
    monkeypatch.setattr(Executor, "_settle", lambda _executor, execution, *_, **__: execution)
    counts = run(f"sqlite:///{tmp_path / 'races.db'}", 12, PROCESSES, tmp_path)
    assert counts["double"] > 0, counts
    assert counts["altered"] > 0 or counts["expired"] > 0, counts
