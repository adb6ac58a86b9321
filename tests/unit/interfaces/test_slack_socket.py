"""The copilot starts, and receives alerts, while Slack cannot be reached."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import open_foundations
from interfaces.settings import load_settings
from interfaces.slack.client import slack_client
from interfaces.slack.socket import SocketConnection


@pytest.fixture
def nowhere() -> str:
    """A loopback address on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/api"


def test_the_copilot_is_ready_but_degraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nowhere: str) -> None:
    for name, value in {
        "DATA_DIR": str(tmp_path / "data"), "SLACK__BOT_TOKEN": "xoxb-1", "SLACK__APP_TOKEN": "xapp-1",
        "SLACK__CHANNEL": "C1", "SLACK__BASE_URL": nowhere,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"VIGIA__{name}", value)
    base = open_foundations(load_settings())
    with TestClient(copilot_app(base)) as client:
        answer = client.get("/readyz")
    base.engine.dispose()
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["ready"], told["degraded"]) == (True, True)
    slack = next(check for check in told["checks"] if check["name"] == "slack")
    assert slack["ok"] is False
    assert not [thread for thread in threading.enumerate() if thread.name == "slack-socket"], "it ends with the copilot"


def test_it_is_tried_again_with_growing_pauses_until_closed(nowhere: str) -> None:
    from slack_bolt import App

    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 3

    app = App(client=slack_client("xoxb-1", base_url=nowhere), signing_secret="x", token_verification_enabled=False)
    connection = SocketConnection(app, "xapp-1", pause=pause)
    assert connection.problem == "not connected yet"
    connection.start()
    connection._thread.join(timeout=60)
    assert pauses == [1.0, 2.0, 4.0]
    assert connection.problem is not None
    assert "cannot be reached" in connection.problem
    connection.close()
