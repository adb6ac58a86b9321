"""Runs all monitors and remembers what fires: an alert must hold before it is raised, and be gone before it resolves.

What a monitor says at one moment is an observation. An alert is raised when the same fingerprint was observed at
`holds` evaluations in a row, begins when it was first observed, and resolves after `clears` evaluations without it.
A monitor that cannot run (a store does not answer) leaves its alerts as they are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from foundation.errors import VigiaError
from platform_core.monitoring.alert import Alert
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

    @property
    def alerts(self) -> list[Alert]:
        return [state.alert for state in self._states.values() if state.firing]

    @property
    def readings(self) -> dict[str, float]:
        """The last figure of every monitor, by its name."""
        return {name: value for monitor in self.monitors for name, value in monitor.readings.items()}

    def step(self) -> list[Alert]:
        """Evaluate everything once. Returns what changed: alerts newly firing, and those resolved."""
        view = shared(self._view)
        silenced = _silenced(view)
        changed: list[Alert] = []
        for monitor in self.monitors:
            try:
                observed = monitor.check(view)
            except VigiaError as error:
                _log.warning("monitor %s could not run: %s", monitor.prefix, error)
                continue
            wanted = [found for found in observed if found.labels.get("monitor") not in silenced]
            changed += self._advance(monitor.prefix, {found.fingerprint: found for found in wanted})
        return changed

    def _advance(self, prefix: str, observed: dict[str, Alert]) -> list[Alert]:
        changed: list[Alert] = []
        for key, found in observed.items():
            state = self._states.setdefault(key, _State(found, prefix, 0))
            state.seen, state.missed = state.seen + 1, 0
            state.alert = found.model_copy(update={"starts_at": state.alert.starts_at})
            if state.seen >= self._holds and not state.firing:
                state.firing = True
                changed.append(state.alert)
        for key in [k for k, state in self._states.items() if state.prefix == prefix and k not in observed]:
            state = self._states[key]
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
