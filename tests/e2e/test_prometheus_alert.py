"""Debian's real Prometheus and Alertmanager over the live platform: what Prometheus fires opens the incident."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from interfaces.demo.api import DemoApi
from interfaces.demo.children import Children
from interfaces.demo.options import DemoOptions
from interfaces.demo.progress import Teller
from interfaces.demo.story import Story
from interfaces.demo.workspace import Workspace, make_workspace
from migrations.upgrade import upgrade_database

DEPLOY = Path(__file__).parents[2] / "deploy"

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(500)]


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def configure(workspace: Workspace, directory: Path, alertmanager_port: int) -> None:
    """The files of `deploy/`, with this workspace's addresses and secret, scraping once a second."""
    directory.mkdir()
    shutil.copy(DEPLOY / "alerts.yml", directory)
    prometheus = (DEPLOY / "prometheus.yml").read_text()
    for default, actual in (
        ("127.0.0.1:8080", f"127.0.0.1:{workspace.copilot_port}"),
        ("127.0.0.1:8081", f"127.0.0.1:{workspace.serving_port}"),
        ("127.0.0.1:8082", f"127.0.0.1:{workspace.simulation_port}"),
        ("127.0.0.1:9093", f"127.0.0.1:{alertmanager_port}"),
        ("5s", "1s"),
    ):
        assert default in prometheus
        prometheus = prometheus.replace(default, actual)
    (directory / "prometheus.yml").write_text(prometheus)
    alertmanager = (DEPLOY / "alertmanager.yml").read_text()
    assert "http://127.0.0.1:8080" in alertmanager
    (directory / "alertmanager.yml").write_text(alertmanager.replace("http://127.0.0.1:8080", workspace.copilot_url))
    (directory / "webhook-secret").write_text(workspace.environment["VIGIA__ALERTS__SOURCES__MONITORS__SECRET"])


def test_the_alert_that_prometheus_fires_opens_the_incident(tmp_path: Path) -> None:
    for program in ("prometheus", "prometheus-alertmanager"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {program}")
    options = DemoOptions(fault="source_stopped", data_dir=tmp_path / "data", json=True)
    made = make_workspace(options)
    # The platform's own monitors keep their alerts to themselves: only Prometheus speaks.
    workspace = replace(made, environment=made.environment | {"VIGIA__SIMULATION__DELIVER_ALERTS": "false"})
    upgrade_database(f"sqlite:///{workspace.directory / 'vigia.db'}")
    alertmanager_port, prometheus_port = free_port(), free_port()
    configuration = tmp_path / "configuration"
    configure(workspace, configuration, alertmanager_port)
    alertmanager = [
        "prometheus-alertmanager",
        f"--config.file={configuration / 'alertmanager.yml'}",
        f"--storage.path={tmp_path / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{alertmanager_port}",
        "--cluster.listen-address=",
    ]
    prometheus = [
        "prometheus",
        f"--config.file={configuration / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{prometheus_port}",
    ]
    api = DemoApi(workspace)
    with (
        Children(workspace.directory / "logs", workspace.environment) as children,
        running(alertmanager, tmp_path / "alertmanager.log"),
        running(prometheus, tmp_path / "prometheus.log"),
    ):
        story = Story(options, workspace, children, api, Teller(json=True))
        story.boot()
        story.warm_up()
        assert api.incidents() == []
        story.break_it()
        card = story.wait_for_diagnosis()
        alerts = api.alerts(card.incident_id)
        assert {alert["kind"] for alert in alerts} <= {"freshness", "volume"}
        assert {alert["tenant"] for alert in alerts} == {"br"}
        assert card.most_likely is not None
        assert card.most_likely.cause == "source_stopped"
        rules = httpx.get(f"http://127.0.0.1:{prometheus_port}/api/v1/alerts").json()["data"]["alerts"]
        assert {rule["labels"]["alertname"] for rule in rules if rule["state"] == "firing"} & {
            "FeatureStale",
            "ConnectorDown",
        }
    api.close()
