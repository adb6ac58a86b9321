"""Reports belong to the screen that they were drawn for, however slow the drawing is."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from platform_core.monitoring import screen_reports


def test_a_slow_drawing_is_followed_by_the_newest_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on = threading.Event(), threading.Event()
    drawn: list[str] = []

    def slowly(_platform: Any, result: Any, *_: Any, **__: Any) -> dict[tuple[str, str], list[Path]]:
        began.set()
        assert go_on.wait(20)
        drawn.append(result.name)
        return {("v", "br"): [Path(result.name)]}

    def night(name: str, *drifted: int) -> Any:
        return SimpleNamespace(name=name, drifted=drifted)

    monkeypatch.setattr(screen_reports, "write_screen_reports", slowly)
    reports, platform = screen_reports.ScreenReports(tmp_path), SimpleNamespace()
    for number in (1, 2, 3):
        reports.draw(platform, night(f"night-{number}", 1), {})  # type: ignore[arg-type]
        assert began.wait(20)
    go_on.set()
    reports.wait()
    assert drawn == ["night-1", "night-3"]
    assert reports.of("v", "br") == [Path("night-3")]

    began.clear()
    go_on.clear()
    reports.draw(platform, night("night-4", 1), {})  # type: ignore[arg-type]
    assert began.wait(20)
    reports.draw(platform, night("night-5"), {})  # type: ignore[arg-type]
    go_on.set()
    reports.wait()
    assert reports.of("v", "br") == [], "the last screen found nothing"
