"""`vigia platform serve` where there is no Redis: callers get the declared fallback, and the timeline has the fault."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interfaces.cli.main import app
from tests.fakes.serving_process import ask, served, wait_until


def test_callers_are_answered_and_the_timeline_says_why(
    tmp_path: Path, migrated_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        store = {"VIGIA__ONLINE__KIND": "redis", "VIGIA__ONLINE__URL": f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"}
        with served(tmp_path / "data", migrated_database, workers=1, **store) as server:
            server.patch(serving={"fallback": ["default_features"]})
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

            def opened() -> bool:
                try:
                    assert ask(connection, server.key, "card-1")["fallback"] == "default_features"
                except AssertionError:  # the policy is not in force yet
                    connection.close()
                return server.metric("vigia_prediction_store_circuit_open") == 1

            wait_until(opened, server)
            for _ in range(5):
                assert ask(connection, server.key, "card-1")["fallback"] == "default_features"
            assert server.metric("vigia_prediction_store_late_total") >= 10
            connection.close()
            monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))
            told = CliRunner().invoke(app, ["timeline", "--kind", "fault", "--json"])
    assert told.exit_code == 0, told.output
    (event,) = json.loads(told.stdout)
    assert (event["subject"], event["details"]["circuit"]) == ("urn:vigia:endpoint:fraud-br", "open")
    assert event["summary"] == "fraud-br goes without the online store"
