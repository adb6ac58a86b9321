"""The client of Slack's Web API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slack_sdk import WebClient


TIMEOUT_SECONDS = 5
"""Per call; the SDK's own is 30 s, in which nobody is told anything."""


def slack_client(token: str, *, base_url: str | None = None) -> WebClient:
    """`base_url` is set only to talk to an emulator."""
    from slack_sdk import WebClient

    if base_url is None:
        return WebClient(token=token, timeout=TIMEOUT_SECONDS)
    return WebClient(token=token, timeout=TIMEOUT_SECONDS, base_url=f"{base_url.rstrip('/')}/")
