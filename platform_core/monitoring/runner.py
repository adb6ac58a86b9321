"""Runs all monitors and remembers what fires: an alert must hold before it is raised, and be gone before it resolves.

What a monitor says at one moment is an observation. An alert is raised when the same fingerprint was observed at
`holds` evaluations in a row, begins when it was first observed, and resolves after `clears` evaluations without it.
A watch that cannot be evaluated (a store does not answer, its subject is gone) leaves its alerts as they are and is
listed in `blind`: nobody must take its silence for health.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.budget import Budget
from platform_core.monitoring.burn import BurnMonitor
from platform_core.monitoring.monitor import Monitor
from platform_core.monitoring.recent import shared
from platform_core.operations.resources import MonitorSpec
from platform_core.urn import parse_urn
from platform_core.view import PlatformView

_log = logging.getLogger(__name__)


@dataclass
class _State:
    alert: Alert
    prefix: str
    seen: int
    missed: int = 0
    firing: bool = False


class MonitorRunner:
    """`step` once per evaluation; `alerts` holds what fires now."""

    def __init__(self, view: PlatformView, monitors: list[Monitor], *, holds: int = 2, clears: int = 4) -> None:
        self._view = view
        self.monitors = monitors
        self._holds = holds
        self._clears = clears
        self._states: dict[str, _State] = {}
        self._blind: dict[str, str] = {}

    @property
    def alerts(self) -> list[Alert]:
        return [state.alert for state in self._states.values() if state.firing]

    @property
    def readings(self) -> dict[str, float]:
        """The last figure of every monitor, by its name."""
        return {name: value for monitor in self.monitors for name, value in monitor.readings.items()}

    @property
    def budgets(self) -> list[Budget]:
        """The error budgets that are watched, as they were last."""
        return [found for monitor in self.monitors if isinstance(monitor, BurnMonitor) for found in monitor.budgets]

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """What every monitor watches, by its name: (view, tenant), (source, column) or (name,)."""
        return {name: parts for monitor in self.monitors for name, parts in monitor.parts.items()}

    @property
    def blind(self) -> dict[str, str]:
        """The monitors that could not be evaluated last time, and why."""
        return dict(self._blind)

    def look_at(self, view: PlatformView) -> None:
        """Another catalog from now on; what fires goes on firing until it is gone."""
        self._view = view

    def step(self) -> list[Alert]:
        """Evaluate everything once. Returns what changed: alerts newly firing, and those resolved."""
        view = shared(self._view)
        silenced = _silenced(view)
        changed: list[Alert] = []
        blind: dict[str, str] = {}
        for monitor in self.monitors:
            observed = monitor.check(view)
            blind |= monitor.blind
            wanted = [found for found in observed if found.labels.get("monitor") not in silenced]
            changed += self._advance(monitor, {found.fingerprint: found for found in wanted})
        for name in [name for name, reason in blind.items() if self._blind.get(name) != reason]:
            _log.warning("monitor %s could not run: %s", name, blind[name])
        self._blind = blind
        return changed

    def _advance(self, monitor: Monitor, observed: dict[str, Alert]) -> list[Alert]:
        changed: list[Alert] = []
        for key, found in observed.items():
            state = self._states.setdefault(key, _State(found, monitor.prefix, 0))
            state.seen, state.missed = state.seen + 1, 0
            state.alert = found.model_copy(update={"starts_at": state.alert.starts_at})
            if state.seen >= self._holds and not state.firing:
                state.firing = True
                changed.append(state.alert)
        for key in [k for k, state in self._states.items() if state.prefix == monitor.prefix and k not in observed]:
            state = self._states[key]
            if state.alert.labels.get("monitor") in monitor.blind:
                continue
            state.missed += 1
            if not state.firing:
                del self._states[key]  # it did not hold
            elif state.missed >= self._clears:
                del self._states[key]
                changed.append(state.alert.model_copy(update={"status": "resolved"}))
        return changed


def _silenced(view: PlatformView) -> set[str]:
    now: datetime = view.clock.now()
    return {
        parse_urn(resource.urn)[1]
        for resource in view.resources.list(kind="monitor")
        if isinstance(resource.spec, MonitorSpec)
        and resource.spec.silenced_until is not None
        and resource.spec.silenced_until > now
    }
