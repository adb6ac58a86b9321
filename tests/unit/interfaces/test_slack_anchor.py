"""Heads of the audit log in a channel, readable again by `vigia audit verify --anchor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from audit.chain import TreeHead
from audit.checkpoint import CheckpointSigner, find_notes
from foundation.errors import Unavailable
from interfaces.slack.anchor import SlackAnchor


class FakeWebClient:
    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.down = False

    def chat_postMessage(self, **message: Any) -> None:  # noqa: N802 - Slack's name
        if self.down:
            raise SlackApiError("refused", {"error": "channel_not_found"})
        self.posted.append(message)


def test_a_head_is_posted_as_it_was_signed(tmp_path: Path) -> None:
    note = CheckpointSigner.load_or_create(tmp_path / "audit.pem", "vigia.test/audit").sign(TreeHead(41, "ab" * 32))
    client = FakeWebClient()
    anchor = SlackAnchor(cast(WebClient, client), channel="C1")
    anchor.post(note)
    assert client.posted[0]["channel"] == "C1"
    assert find_notes(client.posted[0]["text"]) == [note]
    client.down = True
    with pytest.raises(Unavailable, match="did not take the audit head"):
        anchor.post(note)
