"""The whole platform in fast-forward: silent while healthy, heard when a source stops, silent again when mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import Conflict, NotFound
from platform_core.monitoring.alert import AlertKind
from platform_core.operations.resources import ConnectorSpec
from platform_core.simulation.control_plane import change
from platform_core.simulation.faults import FAULTS
from platform_core.simulation.runtime import Simulation
from tests.fakes.fault_alerts import ALERTS
from tests.fakes.simulated import forward, healthy_hours, simulation, write_past

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WITHIN = 20
"""Simulated minutes in which every expected alert must have been raised."""


def until_all(running: Simulation, wanted: set[tuple[AlertKind, str]], minutes: int) -> set[tuple[AlertKind, str]]:
    raised: set[tuple[AlertKind, str]] = set()
    for _ in range(minutes):
        raised |= {(alert.kind, alert.subject) for _, alert in forward(running, 1) if alert.status == "firing"}
        if wanted <= raised:
            break
    return raised


def test_a_healthy_platform_raises_nothing_in_six_hours(past: Path, tmp_path: Path) -> None:
    with simulation(past, tmp_path / "run") as running:
        assert healthy_hours(running, 6) == []
        assert running.checkout.failed == 0
        assert running.checkout.answered > 5_000


def test_every_fault_is_expected_somewhere_and_unknown_ones_are_refused(past: Path, tmp_path: Path) -> None:
    assert set(FAULTS) == {*ALERTS, "none"}
    with simulation(past, tmp_path / "run") as running, pytest.raises(NotFound, match="no fault 'earthquake'"):
        running.inject("earthquake")


def test_a_restarted_connector_drains_and_its_alerts_resolve(past: Path, tmp_path: Path) -> None:
    with simulation(past, tmp_path / "run") as running:
        forward(running, 2)
        running.inject("source_stopped")
        assert until_all(running, ALERTS["source_stopped"], WITHIN) == ALERTS["source_stopped"]
        connector = "urn:vigia:connector:payments_br"
        assert running.parts.resources.get(connector).status["state"] == "failed"
        change(running.parts.resources, connector, {"restarts": 1}, actor="human:alice", reason="restart")
        resolved = {(alert.kind, alert.subject) for _, alert in forward(running, 8) if alert.status == "resolved"}
        assert resolved == ALERTS["source_stopped"]
        resource = running.parts.resources.get(connector)
        assert isinstance(resource.spec, ConnectorSpec)
        assert resource.status == {"state": "running", "error": None, "backlog": 0}


def test_a_second_boot_in_the_same_place_is_refused(past: Path) -> None:
    with pytest.raises(Conflict, match="already holds"):
        write_past(past)
