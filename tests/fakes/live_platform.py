"""The demo's platform as a test drives it: its four processes on loopback, alerted by Prometheus, told in Slack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.incident.card import IncidentCard
from agents.incident.types import Incident
from interfaces.demo.api import DemoApi
from interfaces.demo.children import Children
from interfaces.demo.options import DemoOptions
from interfaces.demo.progress import Teller
from interfaces.demo.story import Story
from interfaces.demo.workspace import Workspace, make_workspace
from migrations.upgrade import upgrade_database
from tests.fakes import slack
from tests.fakes.alerting_servers import SOURCE, AlertingServers, alerting_servers, free_ports

SECRET = "the-secret-of-alertmanager-in-a-test"


@dataclass(frozen=True)
class LivePlatform:
    workspace: Workspace
    children: Children
    api: DemoApi
    servers: AlertingServers
    slack: slack.Workspace
    channel: str

    def until(self, check: Callable[[], Any], seconds: float, what: str) -> Any:
        """What `check` says once it is something. Fails when a process dies, or when it takes longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            found = check()
            if found:
                return found
            self.children.check()
            assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s"
            time.sleep(0.2)

    def incidents(self, tenant: str) -> list[Incident]:
        return [incident for incident in self.api.incidents() if incident.tenant == tenant]

    def diagnosed(self, tenant: str) -> IncidentCard:
        """The card of the tenant's incident, once it waits for an approval or has ended without one."""

        def card() -> IncidentCard | None:
            for incident in self.incidents(tenant):
                found = self.api.card(incident.id)
                if found.approval is not None or found.outcome is not None:
                    return found
            return None

        return self.until(card, 120, f"the diagnosis of {tenant}")

    def ended(self, incident_id: str) -> IncidentCard:
        self.until(lambda: self.api.card(incident_id).outcome, 120, "the end of the incident")
        return self.api.card(incident_id)

    def card_in_slack(self, label: str) -> dict[str, Any]:
        """The one message in the channel that is the incident's card."""
        (message,) = [each for each in self.slack.messages(self.channel) if label in str(each.get("blocks"))]
        return message


@contextmanager
def live_platform(directory: Path, emulator: str) -> Iterator[LivePlatform]:
    """Booted and warm, all healthy. Its own monitors keep their alerts to themselves: only Prometheus speaks."""
    people = slack.Workspace(emulator)
    channel = people.channel("ml-oncall")
    options = DemoOptions(data_dir=directory / "data", json=True)
    made = make_workspace(options, slack_users={name: people.user(name) for name in ("alice", "bob")})
    alertmanager_port, worker_port = free_ports(2)
    theirs = {name: value for name, value in made.environment.items() if "__SOURCES__MONITORS__" not in name}
    ours = {
        "VIGIA__WORKER__METRICS_PORT": str(worker_port),
        "VIGIA__SIMULATION__DELIVER_ALERTS": "false",
        f"VIGIA__ALERTS__SOURCES__{SOURCE.upper()}__KIND": "alertmanager",
        f"VIGIA__ALERTS__SOURCES__{SOURCE.upper()}__SECRET": SECRET,
        f"VIGIA__ALERTS__SOURCES__{SOURCE.upper()}__ORIGIN": f"http://127.0.0.1:{alertmanager_port}",
        "VIGIA__SLACK__BOT_TOKEN": slack.TOKEN,
        "VIGIA__SLACK__SIGNING_SECRET": slack.SECRET,
        "VIGIA__SLACK__CHANNEL": channel,
        "VIGIA__SLACK__BASE_URL": f"{emulator}/api/",
    }
    workspace = replace(made, environment=theirs | ours)
    upgrade_database(f"sqlite:///{workspace.directory / 'vigia.db'}")
    api = DemoApi(workspace)
    try:
        with (
            Children(workspace.directory / "logs", workspace.environment) as children,
            alerting_servers(workspace, directory / "alerting", port=alertmanager_port, secret=SECRET) as servers,
        ):
            story = Story(options, workspace, children, api, Teller(json=True))
            story.boot()
            story.warm_up()
            yield LivePlatform(workspace, children, api, servers, people, channel)
    finally:
        api.close()
        people.close()
