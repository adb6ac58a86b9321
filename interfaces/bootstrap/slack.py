"""Slack, where a bot token is set: the worker posts cards, the HTTP process answers buttons and questions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from agents.chat.types import Answer
from agents.health.nightly import ReportReader
from agents.incident.ports import Notifier
from audit.anchor import Anchor
from foundation.errors import InvalidInput
from guardrails.approvals.glass_watch import GlassNotifier
from guardrails.approvals.reminders import ReminderNotifier
from interfaces.bootstrap.approvers import fit_for_a_channel, seen_by_everybody
from interfaces.bootstrap.chat import make_ask
from interfaces.bootstrap.foundations import Foundations
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.stores import make_incidents
from interfaces.http.services import CopilotServices, ReadinessCheck
from interfaces.principals import open_directory
from interfaces.settings import Settings
from platform_core.access.principals import Principal

if TYPE_CHECKING:
    from interfaces.slack.client import WebClient
    from interfaces.slack.notifier import SlackNotifier
    from interfaces.slack.socket import SocketConnection


def slack_notifiers(base: Foundations) -> list[Notifier]:
    """The notifier that posts cards; empty when Slack is not set up."""
    return [_notifier(base)] if base.settings.slack.bot_token else []


def slack_reminders(base: Foundations) -> tuple[ReminderNotifier, ...]:
    """Who tells people of what still waits; empty when Slack is not set up."""
    slack = base.settings.slack
    if slack.bot_token is None or slack.channel is None:
        return ()
    from interfaces.slack.reminders import SlackReminders

    people = open_directory(base.settings.principals_file, base.settings.environment)
    redact = redactor(base.settings).redact
    client = _client(base.settings)
    return (
        SlackReminders(
            base.engine,
            client,
            slack.channel,
            people=people,
            redact=redact,
            channels=slack.channels,
            for_everybody=lambda proposal: seen_by_everybody(base.settings, proposal, base.clock),
        ),
    )


def slack_glass(base: Foundations) -> tuple[GlassNotifier, ...]:
    """Who tells people of broken glass; empty when Slack is not set up."""
    slack = base.settings.slack
    if slack.bot_token is None or slack.channel is None:
        return ()
    from interfaces.slack.glass import SlackGlass

    people = open_directory(base.settings.principals_file, base.settings.environment)
    redact = redactor(base.settings).redact
    return (SlackGlass(_client(base.settings), slack.channel, people=people, redact=redact, channels=slack.channels),)


def slack_anchors(base: Foundations) -> dict[str, Anchor]:
    """Where heads of the audit log are posted; empty when Slack is not set up or not wanted for this."""
    slack = base.settings.slack
    if slack.bot_token is None or slack.channel is None or not base.settings.audit.anchor_slack:
        return {}
    from interfaces.slack.anchor import SlackAnchor

    return {"slack": SlackAnchor(_client(base.settings), channel=slack.channel)}


def slack_report_readers(base: Foundations) -> list[ReportReader]:
    """The notifier, told of health reports; empty when Slack is not set up."""
    return [_notifier(base)] if base.settings.slack.bot_token else []


def mount_slack(app: FastAPI, base: Foundations, services: CopilotServices) -> Sequence[Callable[[], ReadinessCheck]]:
    """Adds `POST /slack/events` (HTTP mode) or connects Socket Mode, as the settings say; nothing without a token.

    Returns what tells of a connection; none of it is needed to receive alerts.
    """
    slack = base.settings.slack
    if slack.bot_token is None:
        return ()
    from interfaces.slack.app import create_slack_app
    from interfaces.slack.conversation import SlackParts

    ask = make_ask(base, services.policy)

    def answer(question: str, person: Principal) -> str:
        return answer_text(ask.answer(question, person))

    def feedback(incident_id: str, person: Principal, right: bool) -> None:
        services.feedback.record(incident_id, person, correct=right)

    parts = SlackParts(
        approvals=services.approvals,
        people=services.principals,
        cards=services.cards,
        evidence=services.incidents,
        notifier=_notifier(base),
        answer=answer,
        feedback=feedback,
        redact=services.redactor.redact,
        proposals=services.proposals,
        fields=lambda tool: next((action.fields for action in services.actions() if action.name == tool), []),
    )
    secret = slack.signing_secret.get_secret_value() if slack.signing_secret else None
    bolt = create_slack_app(_client(base.settings), parts, signing_secret=secret)
    if slack.app_token is not None:
        from interfaces.slack.socket import SocketConnection

        connection = SocketConnection(bolt, slack.app_token.get_secret_value())
        _connected_while_serving(app, connection)
        return (lambda: _connected(connection),)
    if secret is not None:
        from interfaces.slack.http import slack_router
        from interfaces.slack.requests import RequestGuard

        app.include_router(slack_router(bolt, RequestGuard(base.engine, base.clock, secret)))
    return ()


def _connected_while_serving(app: FastAPI, connection: SocketConnection) -> None:
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[Any]:
        connection.start()
        try:
            async with inner(app) as state:
                yield state
        finally:
            await asyncio.to_thread(connection.close)

    app.router.lifespan_context = lifespan


def _connected(connection: SocketConnection) -> ReadinessCheck:
    problem = connection.problem
    return ReadinessCheck(name="slack", ok=problem is None, detail=problem or "Socket Mode", needed=False)


def _notifier(base: Foundations) -> SlackNotifier:
    from interfaces.slack.notifier import SlackNotifier

    channel = base.settings.slack.channel
    if channel is None:
        raise InvalidInput("Slack has no channel for its cards", hint="set VIGIA__SLACK__CHANNEL")
    return SlackNotifier(
        base.engine,
        _client(base.settings),
        channel=channel,
        redact=redactor(base.settings).redact,
        evidence=make_incidents(base),
        channels=base.settings.slack.channels,
        fit=fit_for_a_channel(base.settings, make_approvals(base, make_policy(base.settings)), base.clock),
    )


def _client(settings: Settings) -> WebClient:
    from interfaces.slack.client import slack_client

    slack = settings.slack
    if slack.bot_token is None:
        raise InvalidInput("Slack is not set up", hint="set VIGIA__SLACK__BOT_TOKEN")
    return slack_client(slack.bot_token.get_secret_value(), base_url=str(slack.base_url) if slack.base_url else None)


def answer_text(answer: Answer) -> str:
    """An answer with what it rests on. The rules' own sentences are those summaries already, each with its mark."""
    if answer.author == "rules":
        return answer.text
    sources = "\n".join(f"[{c.id}] {c.source}: {c.summary}" for c in answer.citations)
    return f"{answer.text}\n\n{sources}" if sources else answer.text
