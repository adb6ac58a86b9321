"""The client of Slack's Web API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slack_sdk import WebClient


def slack_client(token: str, *, base_url: str | None = None) -> WebClient:
    """`base_url` is set only to talk to an emulator."""
    from slack_sdk import WebClient

    return WebClient(token=token) if base_url is None else WebClient(token=token, base_url=f"{base_url.rstrip('/')}/")
