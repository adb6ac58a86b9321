"""The nightly screen as a monitor: one alert per view and tenant, naming the features that drifted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from foundation.errors import Conflict
from platform_core.catalog.specs import FeatureView
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, Watched, alert
from platform_core.monitoring.screen import FeatureDrift, Screen, ScreenSettings, screen
from platform_core.monitoring.screen_reports import ScreenReports
from platform_core.view import PlatformView

EVERY = timedelta(hours=24)


class ScreenMonitor(Monitor):
    """`screen-<view>-<tenant>`; threshold: the PSI from which a drifted feature is a warning, below it is information.

    All watches are judged together, once every `EVERY` of the platform's clock, by the effect sizes and the control of
    false alarms in `judgement`: the threshold does not decide whether it is drift. What drifted gets Evidently's report
    in the directory `reports`; once it is drawn the alert's label `report` says where.
    """

    prefix: ClassVar[str] = "screen"
    watched: ClassVar[Watched] = "view"

    def __init__(self, reports: Path | None = None, *, every: timedelta = EVERY) -> None:
        super().__init__()
        self._reports = ScreenReports(reports) if reports is not None else None
        self._every = every
        self._result: Screen | None = None
        self._of: frozenset[tuple[str, str]] = frozenset()
        self._at: datetime | None = None

    def _judged(self, view: PlatformView) -> Screen:
        pairs = sorted((name, tenant) for name, tenant in self.parts.values())
        now, of = view.clock.now(), frozenset(pairs)
        if self._result is None or self._at is None or now - self._at >= self._every or of != self._of:
            settings = {name: _settings(view.catalog.feature_view(name)) for name, _ in pairs}
            self._result = screen(view.offline, view.catalog, now, only=pairs, of_views=settings)
            self._at, self._of = now, of
            if self._reports is not None:
                self._reports.draw(view, self._result, settings)
        return self._result

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, tenant = watch.parts
        result = self._judged(view)
        if (reason := result.unread.get(f"{name} {tenant}")) is not None:
            raise Conflict(f"{name} of {tenant} could not be judged: {reason}", hint="it is, once it has rows")
        mine = [f for f in result.features if (f.view, f.tenant) == (name, tenant)]
        effects = [f.effect for f in mine if f.effect is not None]
        if mine and not effects:
            raise Conflict(f"no feature of {name} of {tenant} could be judged: {_reasons(mine)}")
        self.readings[watch.name] = max(effects, default=0.0)
        moved = sorted((f for f in mine if f.verdict == "drifted"), key=lambda f: -(f.effect or 0.0))
        if not moved:
            return None
        worst = max(f.psi or 0.0 for f in moved)
        found = alert(
            watch,
            "drift",
            now=view.clock.now(),
            value=worst,
            severity="warning" if worst >= watch.spec.threshold else "info",
            summary=_summary(name, tenant, moved, result),
        )
        drawn = [] if self._reports is None else self._reports.of(name, tenant)
        report = {"report": ", ".join(map(str, drawn))} if drawn else {}
        return found.model_copy(update={"labels": found.labels | report})


def _settings(view: FeatureView) -> ScreenSettings:
    return ScreenSettings(baseline=view.monitors.screen_baseline, segment=view.monitors.screen_segment)


def _summary(name: str, tenant: str, moved: list[FeatureDrift], result: Screen) -> str:
    said = "; ".join(
        f"{f.name}: {f.effect or 0:.0%} of rows elsewhere, PSI {_figure(f.psi)}, JS {_figure(f.jensen_shannon)}, "
        f"p {f.p_value or 0:.1g} ({f.current_rows} rows against {f.reference_rows})"
        for f in moved[:5]
    )
    more = f"; and {len(moved) - 5} more" if len(moved) > 5 else ""
    mine = [f for f in result.features if (f.view, f.tenant) == (name, tenant)]
    left = [f for f in mine if f.verdict == "not judged"]
    unjudged = f"; {len(left)} not judged: {_reasons(left)}" if left else ""
    hours = (result.current_to - result.current_from).total_seconds() / 3600
    judged = f"{len(moved)} of {len(mine) - len(left)} features drifted"
    return f"{name} of {tenant}, last {hours:g} h: {judged}: {said}{more}{unjudged}"[:2000]


def _figure(value: float | None) -> str:
    """None where one of the samples holds no value at all."""
    return "unknown" if value is None else f"{value:.2f}"


def _reasons(left: list[FeatureDrift]) -> str:
    more = f"; and {len(left) - 3} more" if len(left) > 3 else ""
    return "; ".join(f"{f.name}: {f.reason}" for f in left[:3]) + more
