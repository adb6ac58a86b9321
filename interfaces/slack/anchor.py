"""Posts heads of the audit log to a channel: a chat's history is kept by somebody else, and read by many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.anchor import Anchor
from audit.checkpoint import parse_note
from foundation.errors import Unavailable

if TYPE_CHECKING:
    from slack_sdk import WebClient


class SlackAnchor(Anchor):
    def __init__(self, client: WebClient, *, channel: str) -> None:
        self._client = client
        self._channel = channel

    def post(self, note: str) -> None:
        """Raises Unavailable when Slack does not take the message."""
        from slack_sdk.errors import SlackClientError

        head = parse_note(note)
        text = (
            f"Audit log at {head.size} entries. Keep this message: `vigia audit verify --anchor FILE` reads it.\n"
            f"```\n{note}```"
        )
        try:
            self._client.chat_postMessage(channel=self._channel, text=text, mrkdwn=True, unfurl_links=False)
        except (SlackClientError, OSError) as error:
            raise Unavailable(
                f"Slack did not take the audit head: {error}", hint="check the bot token, its scopes and the channel"
            ) from error
