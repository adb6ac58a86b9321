"""Tells people in Slack that the glass was broken, and asks those who may for its review until somebody gave it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from foundation.errors import Unavailable
from guardrails.approvals.glass_watch import GlassNotice
from interfaces.card_words import glass_line
from interfaces.slack.limits import escape
from interfaces.slack.mentions import mentions
from platform_core.access.principals import Principal

if TYPE_CHECKING:
    from slack_sdk import WebClient


class SlackGlass:
    """In the channel of the glass's tenant, or the one for everything else."""

    def __init__(
        self,
        client: WebClient,
        channel: str,
        *,
        people: Iterable[Principal],
        redact: Callable[[str], str],
        channels: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._channel = channel
        self._channels = dict(channels or {})
        self._people = people
        self._redact = redact

    def glass_noticed(self, notice: GlassNotice) -> None:
        """Raises Unavailable when Slack does not take it; the caller tells again."""
        from slack_sdk.errors import SlackClientError

        glass = notice.glass
        called = mentions(self._people, notice.roles, glass.tenant, without=glass.opened_by)
        ask = "" if notice.step == 0 else f"{called}its review is still open. "
        text = (
            f":rotating_light: *Broken glass*: {ask}{escape(self._redact(glass_line(glass)))}\n"
            f"Whoever did not break it reviews it: `vigia break-glass review {glass.id} --note …`"
        )
        try:
            self._client.chat_postMessage(channel=self._channels.get(glass.tenant or "", self._channel), text=text)
        except (SlackClientError, OSError) as error:
            raise Unavailable(f"Slack did not take the notice: {error}", hint="check the bot token") from error
