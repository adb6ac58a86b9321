"""The reports of the nightly screen, drawn beside the monitors: Evidently takes seconds to begin with."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from foundation.errors import VigiaError
from platform_core.monitoring.screen import Screen, ScreenSettings
from platform_core.monitoring.screen_report import write_screen_reports
from platform_core.view import PlatformView

KEPT = 200
"""Files in the directory; older ones are deleted."""

_FAILURES = (VigiaError, OSError, ImportError, ValueError, TypeError, KeyError)

_Asked = tuple[PlatformView, Screen, Mapping[str, ScreenSettings]]

_log = logging.getLogger(__name__)


class ScreenReports:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._drawn: dict[tuple[str, str], list[Path]] = {}
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pending: _Asked | None = None
        self._screen = 0
        self._at_work = False

    def of(self, view: str, tenant: str) -> list[Path]:
        """Those of the last screen; none while they are being drawn."""
        return self._drawn.get((view, tenant), [])

    def draw(self, platform: PlatformView, result: Screen, settings: Mapping[str, ScreenSettings]) -> None:
        """In a thread of its own. While it is still at those of a screen before, these come after them, unless another
        screen takes their place meanwhile; those of the screen before are of no use then."""
        with self._lock:
            self._drawn, self._screen = {}, self._screen + 1
            self._pending = (platform, result, settings) if result.drifted else None
            if self._pending is None or self._at_work:
                return
            self._at_work = True
        self._thread = threading.Thread(target=self._draw_all, name="screen-reports", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until what is being drawn is there."""
        if self._thread is not None:
            self._thread.join()

    def _draw_all(self) -> None:
        while True:
            with self._lock:
                asked, screen, self._pending = self._pending, self._screen, None
                if asked is None:
                    self._at_work = False
                    return
            try:
                drawn = self._draw(*asked)
            except BaseException:  # what nobody foresaw ends this thread, and not the reports of further nights
                with self._lock:
                    self._at_work = False
                raise
            with self._lock:
                if screen == self._screen:
                    self._drawn = drawn

    def _draw(
        self, platform: PlatformView, result: Screen, settings: Mapping[str, ScreenSettings]
    ) -> dict[tuple[str, str], list[Path]]:
        try:
            drawn = write_screen_reports(platform, result, ScreenSettings(), self._directory, of_views=settings)
            for old in sorted(self._directory.glob("*.html"))[:-KEPT]:
                old.unlink(missing_ok=True)
        except _FAILURES:  # the alert stands without its picture
            _log.warning("the reports of the drift screen could not be drawn", exc_info=True)
            return {}
        return drawn
