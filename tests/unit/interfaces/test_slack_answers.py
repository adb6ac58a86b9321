"""Who reads what Vigía says in Slack: an answer is for who asked, a card for the people of its tenant."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from interfaces.slack.app import _Handlers
from interfaces.slack.conversation import SlackParts
from interfaces.slack.notifier import SlackNotifier
from tests.fakes.cards import incident_card, quarantine_proposal
from tests.fakes.guarded import ALICE, Guard


class Recording:
    """A client that remembers what was called, and answers as Slack does."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, method: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append((method, arguments))
            return SimpleNamespace(data={"channel": arguments["channel"], "ts": f"{len(self.calls)}.0"})

        return call


@pytest.mark.parametrize("thread", [None, "7.0"])
def test_an_answer_is_for_who_asked(thread: str | None) -> None:
    parts = SlackParts(
        **dict.fromkeys(
            ("approvals", "cards", "evidence", "notifier", "feedback", "proposals", "fields"), cast(Any, None)
        ),
        people=cast(Any, SimpleNamespace(by_slack_user=lambda _: ALICE)),
        answer=lambda question, person: f"{person.name} asked {question!r} about <script> & more",
        redact=lambda text: text,
    )
    client = Recording()
    event = {"text": "<@UVIGIA> what changed?", "user": "U1", "channel": "C1", "ts": "8.0", "thread_ts": thread}
    _Handlers(parts).question(event, cast(Any, client))
    told = "alice asked 'what changed?' about &lt;script&gt; &amp; more"
    assert client.calls == [("chat_postEphemeral", {"channel": "C1", "user": "U1", "thread_ts": thread, "text": told})]


@pytest.mark.parametrize(("tenant", "channel"), [("br", "C-BR"), ("ar", "C-ALL"), (None, "C-ALL")])
def test_a_card_goes_to_the_channel_of_its_tenant(
    engine: Engine, clock: FixedClock, tenant: str | None, channel: str
) -> None:
    client = Recording()
    notifier = SlackNotifier(
        engine,
        cast(Any, client),
        channel="C-ALL",
        channels={"br": "C-BR"},
        redact=lambda text: text,
        evidence=cast(Any, SimpleNamespace(evidence=lambda _: [])),
    )
    card = incident_card(Guard(engine, clock).approvals.request(quarantine_proposal())).model_copy(
        update={"tenant": tenant}
    )
    notifier.incident_changed(card)
    assert {arguments["channel"] for _, arguments in client.calls} == {channel}
