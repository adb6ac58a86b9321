"""The dashboards in `deploy/grafana`: every figure they draw is exposed, every expression parses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from foundation.telemetry import metrics
from interfaces.bootstrap.platform import SIMULATED_CATALOG
from platform_core.catalog.loading import load_catalog
from platform_core.features.online.metrics import OnlineReadMetrics
from platform_core.monitoring.exposition import PlatformGauges
from platform_core.serving.metrics import ServingMetrics

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
BOARDS = sorted(GRAFANA.glob("*.json"))
PARTS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "untyped": ("",)}


def board(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def expressions(path: Path) -> Iterator[tuple[str, str]]:
    """(where, PromQL) of every panel and variable."""
    found = board(path)
    for panel in found["panels"]:
        for target in panel.get("targets", ()):
            yield f"{path.stem}: {panel['title']}", target["expr"]
    for variable in found["templating"]["list"]:
        if variable["type"] == "query":
            yield (
                f"{path.stem}: ${variable['name']}",
                re.sub(r"label_values\((.*), \w+\)", r"\1", variable["definition"]),
            )


def plain(expression: str) -> str:
    """As Grafana sends it, with every variable on All."""
    return re.sub(r"\$\{?\w+\}?", ".*", expression)


def exposed() -> set[str]:
    """The names of samples on the processes' `/metrics`, from what they render."""
    from platform_core.running.platform import RunningPlatform
    from platform_core.running.rollout_gauges import RolloutGauges

    catalog, rollouts = load_catalog(SIMULATED_CATALOG), CollectorRegistry()
    RolloutGauges(rollouts)
    registries: list[CollectorRegistry] = [
        metrics.REGISTRY,
        metrics.TELEMETRY,
        ServingMetrics().registry,
        OnlineReadMetrics(catalog).registry,
        PlatformGauges().registry,
        rollouts,
        RunningPlatform(None, None, None, None, environment="dev").registry,  # pyright: ignore[reportArgumentType]
    ]
    names: set[str] = set()
    for registry in registries:
        for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", generate_latest(registry).decode(), re.MULTILINE):
            names |= {name.removesuffix("_total") + part for part in PARTS[kind]} | (
                {name} if kind == "gauge" else set()
            )
    return names


def test_there_is_one_for_the_platform_and_one_for_the_copilot() -> None:
    assert [path.stem for path in BOARDS] == ["copilot", "platform"]
    assert len({board(path)["uid"] for path in BOARDS}) == 2
    for path in BOARDS:
        ids = [panel["id"] for panel in board(path)["panels"]]
        assert len(ids) == len(set(ids))
        for panel in board(path)["panels"]:
            assert panel["type"] == "row" or panel["targets"], panel["title"]


def test_every_figure_is_exposed() -> None:
    known = exposed()
    for path in BOARDS:
        for where, expression in expressions(path):
            used = set(re.findall(r"\bvigia_\w+", expression))
            assert used, where
            assert used <= known, f"{where}: {used - known}"


@pytest.mark.server
def test_every_expression_parses(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    rules = [
        {"record": f"dashboard:e{number}", "expr": plain(expression)}
        for number, (_, expression) in enumerate(each for path in BOARDS for each in expressions(path))
    ]
    assert len(rules) > 40
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    file.write_text(file.read_text().replace("histogram_quantile(", "histogram_quantile((", 1))
    broken = subprocess.run(
        ["promtool", "check", "rules", file], capture_output=True, text=True, check=False, timeout=60
    )
    assert broken.returncode != 0
