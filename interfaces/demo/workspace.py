"""A place of its own for one demo: directory, ports, secrets, people, and the environment of its processes."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import interfaces
from foundation.errors import Conflict
from interfaces.demo.options import DemoOptions
from interfaces.directories import make_directory
from interfaces.principals import PrincipalsFile, add_principal, make_grant

ORIGIN = datetime(2026, 11, 19, 5, 40, tzinfo=UTC)
"""02:40 in São Paulo: somebody is about to be paged."""

PEOPLE: tuple[tuple[str, str], ...] = (("alice", "oncall"), ("bob", "viewer"), ("carol", "approver"))
_PASSED_ON = ("VIGIA__LLM__", "VIGIA__SLACK__", "VIGIA__TELEMETRY__", "VIGIA__APPROVALS__", "VIGIA__ONLINE__")
"""Settings of the caller's environment that the demo's processes get too; all others are the demo's own."""


@dataclass(frozen=True)
class Workspace:
    directory: Path
    copilot_port: int
    serving_port: int
    simulation_port: int
    simulation_token: str
    control_token: str
    environment: dict[str, str]
    keys: dict[str, str]
    """API keys by name."""

    @property
    def copilot_url(self) -> str:
        return f"http://127.0.0.1:{self.copilot_port}"

    @property
    def serving_url(self) -> str:
        return f"http://127.0.0.1:{self.serving_port}"

    @property
    def simulation_url(self) -> str:
        return f"http://127.0.0.1:{self.simulation_port}"

    def key_file(self, name: str) -> Path:
        return self.directory / "keys" / f"{name}.key"


def make_workspace(options: DemoOptions, *, slack_users: Mapping[str, str] | None = None) -> Workspace:
    """`slack_users` gives the Slack user id of people by name. Raises Conflict for a data directory that holds an
    earlier story."""
    directory = (options.data_dir or Path(".vigia") / f"demo-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}").absolute()
    if (directory / "vigia.db").exists():
        raise Conflict(f"{directory} holds an earlier story", hint="choose another --data-dir")
    make_directory(directory / "keys", "--data-dir")
    known = slack_users or {}
    keys = {name: _add(directory, name, role, known.get(name)) for name, role in PEOPLE}
    checkout = PrincipalsFile(directory / "principals.yaml").add("service:checkout", make_grant(["caller"], ["*"]))
    copilot, serving, simulation = _free_ports(3)
    tokens = {name: secrets.token_urlsafe(32) for name in ("control", "simulation", "alerts", "session")}
    ours = {
        "VIGIA__DATA_DIR": str(directory),
        "VIGIA__CLOCK__ORIGIN": ORIGIN.isoformat(),
        "VIGIA__CLOCK__STARTED": datetime.now(UTC).isoformat(),
        "VIGIA__CLOCK__SPEED": str(options.speed),
        "VIGIA__HTTP__PORT": str(options.port or copilot),
        "VIGIA__SERVING__PORT": str(serving),
        "VIGIA__SERVING__CONTROL_TOKEN": tokens["control"],
        "VIGIA__SIMULATION__PORT": str(simulation),
        "VIGIA__SIMULATION__SEED": str(options.seed),
        "VIGIA__SIMULATION__TOKEN": tokens["simulation"],
        "VIGIA__SIMULATION__SERVING_KEY": checkout,
        "VIGIA__ALERTS__SOURCES__MONITORS__KIND": "alertmanager",
        "VIGIA__ALERTS__SOURCES__MONITORS__SECRET": tokens["alerts"],
        "VIGIA__CONSOLE__SESSION_SECRET": tokens["session"],
        "PYTHONPATH": str(Path(interfaces.__file__).parents[1]),
        "DO_NOT_TRACK": "1",
    }
    theirs = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("VIGIA__") or name.upper().startswith(_PASSED_ON)
    }
    return Workspace(
        directory=directory,
        copilot_port=options.port or copilot,
        serving_port=serving,
        simulation_port=simulation,
        simulation_token=tokens["simulation"],
        control_token=tokens["control"],
        environment=theirs | ours,
        keys=keys,
    )


def _add(directory: Path, name: str, role: str, slack_user_id: str | None) -> str:
    key = add_principal(
        directory / "principals.yaml", name=name, roles=[role], tenants=["*"], slack_user_id=slack_user_id
    )
    path = directory / "keys" / f"{name}.key"
    path.touch(mode=0o600)
    path.write_text(key + "\n", encoding="utf-8")
    return key


def _free_ports(count: int) -> list[int]:
    # All are bound before any is released, so that they differ.
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
