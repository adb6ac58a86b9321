"""All kinds of monitors. A new kind is one file and one line here."""

from __future__ import annotations

from pathlib import Path

from platform_core.monitoring.burn import BurnMonitor
from platform_core.monitoring.cardinality import CardinalityMonitor
from platform_core.monitoring.clocks import ClockMonitor
from platform_core.monitoring.cost import CostMonitor
from platform_core.monitoring.drift import DriftMonitor
from platform_core.monitoring.duplicates import DuplicateMonitor
from platform_core.monitoring.freshness import FreshnessMonitor
from platform_core.monitoring.jobs import JobFailureMonitor
from platform_core.monitoring.lag import PipelineLagMonitor
from platform_core.monitoring.latency import LatencyMonitor
from platform_core.monitoring.monitor import Monitor
from platform_core.monitoring.nulls import NullMonitor
from platform_core.monitoring.parity import ParityMonitor
from platform_core.monitoring.promises import PromiseMonitor
from platform_core.monitoring.ranges import RangeMonitor
from platform_core.monitoring.schema_drift import SchemaMonitor
from platform_core.monitoring.scores import ScoreShiftMonitor
from platform_core.monitoring.screen_monitor import ScreenMonitor
from platform_core.monitoring.volume import VolumeMonitor


def monitors(reports: Path | None = None) -> list[Monitor]:
    """Fresh monitors: each keeps its own references and last readings. `reports`: where those of the screen go."""
    return [
        FreshnessMonitor(),
        VolumeMonitor(),
        NullMonitor(),
        DriftMonitor(),
        JobFailureMonitor(),
        ScoreShiftMonitor(),
        LatencyMonitor(),
        CostMonitor(),
        PipelineLagMonitor(),
        RangeMonitor(),
        DuplicateMonitor(),
        CardinalityMonitor(),
        SchemaMonitor(),
        ClockMonitor(),
        ParityMonitor(),
        ScreenMonitor(reports),
        BurnMonitor(),
        PromiseMonitor(),
    ]
