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

_log = logging.getLogger(__name__)


class ScreenReports:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._drawn: dict[tuple[str, str], list[Path]] = {}
        self._thread: threading.Thread | None = None

    def of(self, view: str, tenant: str) -> list[Path]:
        """Those of the last screen; none while they are being drawn."""
        return self._drawn.get((view, tenant), [])

    def draw(self, platform: PlatformView, result: Screen, settings: Mapping[str, ScreenSettings]) -> None:
        """In a thread of its own. While it is still at those of the screen before, these are not drawn."""
        self._drawn = {}
        if not result.drifted or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(
            target=self._draw, args=(platform, result, settings), name="screen-reports", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Until what is being drawn is there."""
        if self._thread is not None:
            self._thread.join()

    def _draw(self, platform: PlatformView, result: Screen, settings: Mapping[str, ScreenSettings]) -> None:
        try:
            self._drawn = write_screen_reports(platform, result, ScreenSettings(), self._directory, of_views=settings)
            for old in sorted(self._directory.glob("*.html"))[:-KEPT]:
                old.unlink(missing_ok=True)
        except _FAILURES:  # the alert stands without its picture
            _log.warning("the reports of the drift screen could not be drawn", exc_info=True)
