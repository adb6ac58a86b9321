"""Slack as a test drives it: the emulator of its Web API, and a person who presses buttons with a valid signature."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

EMULATORS = Path(__file__).parents[1] / "emulators"
ENTRY = EMULATORS / "node_modules" / "emulate" / "dist" / "index.js"
TOKEN = "test_token_admin"
SECRET = "0123456789abcdef0123456789abcdef"


@contextmanager
def slack_emulator() -> Iterator[str]:
    """The emulator's address on a free loopback port; ended by its process id. Skips where it is not installed."""
    if not ENTRY.exists():
        pytest.skip("the Slack emulator is not installed: scripts/slack-emulator")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["node", str(ENTRY), "start", "--service", "slack", "--port", str(port), "--seed", "seed.yaml"]
    process = subprocess.Popen(command, cwd=EMULATORS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.post(f"{address}/api/auth.test", headers={"Authorization": f"Bearer {TOKEN}"})
                break
            except httpx.TransportError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(10)


class Workspace:
    """Reads what was posted, and does what a person in Slack can do."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)

    def close(self) -> None:
        self._client.close()

    def call(self, method: str, **form: Any) -> dict[str, Any]:
        answer = self._client.post(f"/api/{method}", data=form).json()
        assert answer["ok"], answer
        return answer

    def channel(self, name: str) -> str:
        return next(c["id"] for c in self.call("conversations.list")["channels"] if c["name"] == name)

    def user(self, name: str) -> str:
        return next(u["id"] for u in self.call("users.list")["members"] if u["name"] == name)

    def messages(self, channel: str) -> list[dict[str, Any]]:
        return self.call("conversations.history", channel=channel)["messages"]

    def replies(self, channel: str, ts: str) -> list[dict[str, Any]]:
        return self.call("conversations.replies", channel=channel, ts=ts)["messages"][1:]

    def trigger_id(self) -> str:
        return self.call("views.generateTriggerId")["trigger_id"]


def button(message: dict[str, Any], action_id: str) -> dict[str, Any]:
    """The button of a message by its `action_id`."""
    return next(
        element
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        if element["action_id"] == action_id
    )


def press(element: dict[str, Any], *, user: str, channel: str, trigger_id: str = "t") -> bytes:
    """The form body that Slack sends when `user` presses `element`."""
    payload = {
        "type": "block_actions",
        "user": {"id": user, "team_id": "T000000001"},
        "team": {"id": "T000000001"},
        "api_app_id": "A1",
        "channel": {"id": channel},
        "trigger_id": trigger_id,
        "actions": [{**element, "type": "button", "block_id": "b", "action_ts": "1"}],
    }
    return urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()


def submit(view: dict[str, Any], *, user: str, reason: str) -> bytes:
    """The form body that Slack sends when `user` submits the rejection modal."""
    state = {"values": {view["blocks"][0]["block_id"]: {"reason": {"type": "plain_text_input", "value": reason}}}}
    payload = {
        "type": "view_submission",
        "user": {"id": user, "team_id": "T000000001"},
        "team": {"id": "T000000001"},
        "view": {**view, "id": "V1", "state": state},
    }
    return urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()


def signed(body: bytes, *, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    """Slack's signature headers (v0) over `body`."""
    timestamp = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={mac}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
