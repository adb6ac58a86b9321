"""The Prometheus rules and the Alertmanager configuration in `deploy/`, checked by Debian's own tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("package", "command"),
    [
        ("prometheus", ["promtool", "check", "rules", "alerts.yml"]),
        ("prometheus", ["promtool", "check", "config", "prometheus.yml"]),
        ("prometheus", ["promtool", "test", "rules", "alerts_test.yml"]),
        ("prometheus-alertmanager", ["amtool", "check-config", "alertmanager.yml"]),
    ],
)
def test_the_configuration_is_accepted(package: str, command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed: apt-get install {package}")
    done = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
