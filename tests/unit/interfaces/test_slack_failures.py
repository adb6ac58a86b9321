"""Whoever pressed a button in Slack is told when it failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from interfaces.slack.app import _Handlers


def test_an_unexpected_error_is_told_to_who_pressed() -> None:
    told: list[dict[str, Any]] = []
    client: Any = SimpleNamespace(chat_postEphemeral=lambda **said: told.append(said))
    parts: Any = SimpleNamespace(redact=str)
    body = {"type": "block_actions", "user": {"id": "U1"}, "channel": {"id": "C1"}}
    _Handlers(parts).unexpected(RuntimeError("secret detail"), body, client)
    assert [(said["user"], said["channel"]) for said in told] == [("U1", "C1")]
    assert "console" in told[0]["text"]
    assert "secret" not in told[0]["text"]
