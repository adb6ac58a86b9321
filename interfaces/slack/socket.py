"""Socket Mode: Slack without a public address. The app-level token authenticates the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slack_bolt import App
    from slack_bolt.adapter.socket_mode import SocketModeHandler


def connect_socket(app: App, app_token: str) -> SocketModeHandler:
    """Connected in the background; `close()` ends it. Raises slack_sdk's errors when the token is refused."""
    from slack_bolt.adapter.socket_mode import SocketModeHandler

    handler = SocketModeHandler(app, app_token)
    handler.connect()
    return handler
