"""Debian's real Prometheus and Alertmanager, with the files of `deploy/`, on free loopback ports."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from interfaces.demo.workspace import Workspace

DEPLOY = Path(__file__).parents[2] / "deploy"
SOURCE = "alertmanager"
"""Name of the copilot's alert source."""


@dataclass(frozen=True)
class AlertingServers:
    prometheus: str
    alertmanager: str

    def firing(self) -> list[dict[str, Any]]:
        """What Prometheus says is firing."""
        alerts = httpx.get(f"{self.prometheus}/api/v1/alerts", trust_env=False).json()["data"]["alerts"]
        return [alert for alert in alerts if alert["state"] == "firing"]

    def targets(self) -> dict[str, str]:
        """Health by the name of the scrape job."""
        answer = httpx.get(f"{self.prometheus}/api/v1/targets", trust_env=False).json()
        return {target["scrapePool"]: target["health"] for target in answer["data"]["activeTargets"]}


def require_alerting_servers() -> None:
    for program in ("prometheus", "prometheus-alertmanager"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {program}")


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def alerting_servers(workspace: Workspace, directory: Path, *, port: int, secret: str) -> Iterator[AlertingServers]:
    """Prometheus over the workspace's processes, and Alertmanager on `port`, which presents `secret`."""
    (prometheus_port,) = free_ports(1)
    servers = AlertingServers(f"http://127.0.0.1:{prometheus_port}", f"http://127.0.0.1:{port}")
    configuration = _configure(workspace, directory / "configuration", port, secret)
    alertmanager = [
        "prometheus-alertmanager",
        f"--config.file={configuration / 'alertmanager.yml'}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--web.external-url={servers.alertmanager}",
        "--cluster.listen-address=",
    ]
    prometheus = [
        "prometheus",
        f"--config.file={configuration / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{prometheus_port}",
    ]
    with _running(alertmanager, directory / "alertmanager.log"), _running(prometheus, directory / "prometheus.log"):
        yield servers


def _configure(workspace: Workspace, directory: Path, alertmanager_port: int, secret: str) -> Path:
    """The files as they are shipped, but for addresses and secret, scraping and notifying once a second."""
    directory.mkdir(parents=True)
    shutil.copy(DEPLOY / "alerts.yml", directory)
    _rewrite(
        directory,
        "prometheus.yml",
        {
            "127.0.0.1:8080": f"127.0.0.1:{workspace.copilot_port}",
            "127.0.0.1:8081": f"127.0.0.1:{workspace.serving_port}",
            "127.0.0.1:8082": f"127.0.0.1:{workspace.simulation_port}",
            "127.0.0.1:8083": f"127.0.0.1:{workspace.environment['VIGIA__WORKER__METRICS_PORT']}",
            "127.0.0.1:9093": f"127.0.0.1:{alertmanager_port}",
            "interval: 5s": "interval: 1s",
        },
    )
    _rewrite(
        directory,
        "alertmanager.yml",
        {
            "http://127.0.0.1:8080": workspace.copilot_url,
            "group_wait: 2s": "group_wait: 1s",
            "group_interval: 10s": "group_interval: 1s",
        },
    )
    (directory / "webhook-secret").write_text(secret)
    return directory


def _rewrite(directory: Path, name: str, changes: dict[str, str]) -> None:
    text = (DEPLOY / name).read_text()
    for before, after in changes.items():
        assert before in text, f"deploy/{name} does not say {before!r} any more"
        text = text.replace(before, after)
    (directory / name).write_text(text)


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)
