"""What the worker does beside its work: a chat that hangs must not hold the incidents up."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from foundation.clock import SystemClock
from guardrails.approvals.reminders import Reminders
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.worker import beside_the_work
from interfaces.settings import Settings
from interfaces.slack.client import slack_client
from tests.fakes.incident_room import open_room


def test_people_are_reminded_beside_the_work(tmp_path: Path) -> None:
    base = open_foundations(Settings(data_dir=tmp_path))
    owners = [getattr(task, "__self__", None) for task in beside_the_work(base)]
    assert any(isinstance(owner, Reminders) for owner in owners)


def test_what_hangs_beside_the_work_holds_no_incident_up(tmp_path: Path) -> None:
    room = open_room(tmp_path, SystemClock())
    hanging, hung, stop = threading.Event(), threading.Event(), threading.Event()

    def chat_is_silent() -> None:
        hanging.set()
        hung.wait(20)

    working = threading.Thread(target=room.worker.run, args=(stop,), kwargs={"beside": [chat_is_silent]})
    working.start()
    try:
        assert hanging.wait(10)
        room.inbox.receive([room.alert()])
        deadline = time.monotonic() + 15
        while not room.approvals.pending():
            assert time.monotonic() < deadline, "the incident waits for the chat"
            time.sleep(0.02)
        assert not hung.is_set()
    finally:
        hung.set()
        stop.set()
        working.join(timeout=10)
        room.engine.dispose()


def test_slack_is_not_waited_for_longer_than_five_seconds() -> None:
    assert slack_client("xoxb-1").timeout == 5
    assert slack_client("xoxb-1", base_url="http://127.0.0.1:1/api").timeout == 5
