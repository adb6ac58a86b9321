"""Socket Mode: Slack without a public address. The app-level token authenticates the connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from foundation.telemetry.logs import get_logger

if TYPE_CHECKING:
    from slack_bolt import App
    from slack_bolt.adapter.socket_mode import SocketModeHandler

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
CLOSE_SECONDS = 5.0
_log = get_logger(__name__)


class SocketConnection:
    """A connection that is made, and made again until it holds, in a thread of its own.

    Slack may be away, or refuse the token, when we start: alerts are received all the same, and `problem` says what
    is missing. Once connected, Slack's SDK reconnects by itself.
    """

    def __init__(self, app: App, app_token: str, *, pause: Callable[[float], bool] | None = None) -> None:
        """`pause` waits so many seconds and says whether to give up; it is exchanged in tests."""
        self._app = app
        self._token = app_token
        self._closed = threading.Event()
        self._pause = pause or self._closed.wait
        self._handler: SocketModeHandler | None = None
        self._problem: str | None = "not connected yet"
        self._thread = threading.Thread(target=self._connect, name="slack-socket", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def problem(self) -> str | None:
        """Why nobody can press a button in Slack now; None while connected."""
        if self._problem is None and self._handler is not None and not self._handler.client.is_connected():
            return "the connection was lost; it is being made again"
        return self._problem

    def close(self) -> None:
        """An attempt under way may end; who does not within a moment is a daemon and goes with the process."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)
        if self._handler is not None:
            self._handler.close()

    def _connect(self) -> None:
        from slack_bolt.adapter.socket_mode import SocketModeHandler
        from slack_sdk.errors import SlackApiError

        self._handler = SocketModeHandler(self._app, self._token)
        seconds = FIRST_PAUSE_SECONDS
        while not self._closed.is_set():
            try:
                self._handler.client.connect_to_new_endpoint()
            except SlackApiError as error:
                said = error.response.get("error") or "an error"
                self._problem = f"Slack refused: {said}; check VIGIA__SLACK__APP_TOKEN"
            except Exception as error:  # noqa: BLE001 - of network, TLS or proxy: whatever it is, alerts go on being received
                self._problem = f"Slack cannot be reached: {error}"
            else:
                self._problem = None
                _log.info("connected to slack")
                return
            _log.warning("not connected to slack", problem=self._problem, retry_in_seconds=seconds)
            if self._pause(seconds):
                return
            seconds = min(seconds * 2, LONGEST_PAUSE_SECONDS)
