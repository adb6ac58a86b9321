"""A small run of `benchmarks.rollout_load`: two workers, a Redis of its own, nothing lost and nothing wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.rollout_load import drive
from benchmarks.rollout_world import World


@pytest.mark.server
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
def test_traffic_goes_on_while_versions_come_and_go(tmp_path: Path) -> None:
    with World(tmp_path, workers=2, cards=100) as world:
        counts = drive(world, seconds=0.2, connections=4)
    assert counts["answers"] > 300
    assert (counts["lost"], counts["wrong"]) == (0, 0)
    assert counts["missing_in_log"] <= counts["counted_as_lost"]
