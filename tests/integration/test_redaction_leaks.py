"""A canary in every source comes out at no sink. With a boundary switched off it does: the test can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.leaks import SWITCHES, run

ENTRIES = frozenset({"alerts", "tools", "timeline"})


def test_no_canary_comes_out_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaks = run(tmp_path, monkeypatch)
    assert leaks.found() == {}
    shown = leaks.sinks
    assert all(shown[sink] for sink in shown), "every sink shows something"
    for sink in ("api", "console", "model", "slack", "audit", "reports", "database"):
        assert "<EMAIL_" in shown[sink].replace("&lt;", "<"), f"the canaries went through {sink}, under other names"
    assert "device_id is null" in shown["api"], "what the diagnosis needs is still there"
    for sink in ("logs", "traces"):
        assert shown[sink].count("<EMAIL_") >= 2


def test_every_sink_leaks_without_redaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control of the whole: the canaries reach every sink that shows anything of them."""
    found = run(tmp_path, monkeypatch, off=frozenset(SWITCHES)).found()
    assert found.keys() >= {
        "api",
        "console",
        "model",
        "slack",
        "audit",
        "reports",
        "database",
        "other files",
        "logs",
        "traces",
    }
    everywhere = {name for names in found.values() for name in names}
    assert len(everywhere) >= 16, everywhere


def test_the_last_boundaries_hold_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What enters unredacted still reaches neither the model nor Slack."""
    found = run(tmp_path, monkeypatch, off=ENTRIES).found()
    assert {"api", "database"} <= found.keys()
    assert not {"model", "slack", "logs", "traces"} & found.keys()


@pytest.mark.parametrize(
    ("boundary", "sink"),
    [
        ("alerts", "database"),
        ("tools", "api"),
        ("feedback", "database"),
        ("people", "audit"),
        ("model", "api"),
        ("logs", "logs"),
        ("traces", "traces"),
    ],
)
def test_one_boundary_switched_off_is_seen(
    boundary: str, sink: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sink in run(tmp_path, monkeypatch, off=frozenset({boundary})).found()
