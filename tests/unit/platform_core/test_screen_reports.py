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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_nobody_foresaw_does_not_end_the_reports_of_further_nights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights: list[str] = []

    def failing_once(_platform: Any, result: Any, *_: Any, **__: Any) -> dict[tuple[str, str], list[Path]]:
        nights.append(result.name)
        if len(nights) == 1:
            raise RuntimeError("an engine's own error")
        return {("v", "br"): [Path(result.name)]}

    monkeypatch.setattr(screen_reports, "write_screen_reports", failing_once)
    reports = screen_reports.ScreenReports(tmp_path)
    for number in (1, 2):
        night: Any = SimpleNamespace(name=f"night-{number}", drifted=(1,))
        reports.draw(SimpleNamespace(), night, {})  # type: ignore[arg-type]
        reports.wait()
    assert reports.of("v", "br") == [Path("night-2")]
