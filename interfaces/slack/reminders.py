"""Tells people in Slack that something still waits for them: in the thread of the incident's card, or the channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from foundation.database import reading
from foundation.errors import Unavailable
from guardrails.approvals.reminders import Reminder
from guardrails.proposal import ActionProposal
from interfaces.slack.limits import escape
from interfaces.slack.mentions import mentions
from interfaces.slack.tables import slack_cards
from platform_core.access.principals import Principal

if TYPE_CHECKING:
    from slack_sdk import WebClient


class SlackReminders:
    """Mentions those of `people` who hold one of the roles, act for the tenant and have a Slack user. `for_everybody`:
    whether everybody in a channel may read what is proposed."""

    def __init__(
        self,
        engine: Engine,
        client: WebClient,
        channel: str,
        *,
        people: Iterable[Principal],
        redact: Callable[[str], str],
        channels: Mapping[str, str] | None = None,
        for_everybody: Callable[[ActionProposal], bool] = lambda proposal: True,
    ) -> None:
        self._for_everybody = for_everybody
        self._engine = engine
        self._client = client
        self._channel = channel
        self._channels = dict(channels or {})
        self._people = people
        self._redact = redact

    def remind(self, reminder: Reminder) -> None:
        """Raises Unavailable when Slack does not take it; the caller tells again."""
        from slack_sdk.errors import SlackClientError

        proposal = reminder.request.proposal
        card = sa.select(slack_cards.c.channel, slack_cards.c.ts).where(
            slack_cards.c.incident_id == proposal.incident_id
        )
        with reading(self._engine) as connection:
            row = connection.execute(card).one_or_none()
        waited, left = (round(delta.total_seconds() / 60) for delta in (reminder.waited, reminder.left))
        verb = "still waits" if reminder.kind == "reminder" else "is escalated: nobody has decided"
        tool, summary = "a proposal", "see the console"
        if self._for_everybody(proposal):
            tool, summary = proposal.tool, escape(self._redact(proposal.plan.summary))
        called = mentions(self._people, reminder.roles, proposal.tenant, without=proposal.requested_by)
        text = f"{called}{tool} {verb} ({waited} min, {left} min left): {summary}"
        try:
            self._client.chat_postMessage(
                channel=row.channel if row else self._channels.get(proposal.tenant or "", self._channel),
                thread_ts=row.ts if row else None,
                reply_broadcast=bool(row) or None,
                text=text,
            )
        except (SlackClientError, OSError) as error:
            raise Unavailable(f"Slack did not take the reminder: {error}", hint="check the bot token") from error
