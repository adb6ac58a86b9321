"""Broken glass is told of when it is broken and chased until somebody reviewed it, each step once."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.engine import Engine

from agents.incident.card_building import GlassOver
from foundation.clock import FixedClock
from foundation.errors import Unavailable
from guardrails.approvals.break_glass import BreakGlass
from guardrails.approvals.glass_watch import GlassNotice, GlassNotifier, GlassWatch
from interfaces.slack.glass import SlackGlass
from platform_core.access.principals import Principal
from tests.fakes.guarded import BOB, ROOT, Guard, person

HOUR = timedelta(hours=1)


class Remembering(GlassNotifier):
    def __init__(self) -> None:
        self.steps: list[int] = []
        self.down = False

    def glass_noticed(self, notice: GlassNotice) -> None:
        if self.down:
            raise Unavailable("chat is down")
        self.steps.append(notice.step)


class Watched:
    def __init__(self, engine: Engine, clock: FixedClock) -> None:
        self.guard = Guard(engine, clock)
        self.glass = BreakGlass(engine, clock, self.guard.log, self.guard.policy)
        self.told = Remembering()
        self.watch = self.another()
        self.id = self.glass.open(BOB, environment="production", tenant="br", minutes=15, reason="payments down").id

    def another(self) -> GlassWatch:
        """As a second worker has it."""
        roles = frozenset({"approver"})
        return GlassWatch(self.guard.engine, self.guard.clock, self.guard.log, lambda: roles, [self.told])

    def after(self, delta: timedelta) -> list[int]:
        cast(FixedClock, self.guard.clock).advance(delta)
        self.watch.tick()
        self.another().tick()
        return self.told.steps


@pytest.fixture
def watched(engine: Engine, clock: FixedClock) -> Watched:
    return Watched(engine, clock)


def test_it_is_told_at_once_and_chased_until_it_is_reviewed(watched: Watched) -> None:
    assert watched.after(timedelta()) == [0]
    assert watched.after(timedelta(minutes=10)) == [0], "while it holds, nobody is chased"
    assert watched.after(timedelta(minutes=6)) == [0, 1]
    assert watched.after(HOUR) == [0, 1, 2]
    assert watched.after(3 * HOUR) == [0, 1, 2, 3]
    assert watched.after(20 * HOUR) == [0, 1, 2, 3, 4]
    assert watched.after(24 * HOUR) == [0, 1, 2, 3, 4, 5]
    watched.glass.review(watched.id, ROOT, "it was right")
    assert watched.after(72 * HOUR) == [0, 1, 2, 3, 4, 5]
    assert watched.guard.audited().count("glass.chased") == 5


def test_what_chat_did_not_take_is_told_again_and_only_the_newest(watched: Watched) -> None:
    watched.told.down = True
    assert watched.after(timedelta()) == []
    assert watched.after(5 * HOUR) == []
    watched.told.down = False
    assert watched.after(timedelta()) == [3], "one message, not one for each that was missed"
    assert watched.after(timedelta()) == [3]


def test_what_slack_says(watched: Watched) -> None:
    calls: list[dict[str, Any]] = []
    client = cast(Any, SimpleNamespace(chat_postMessage=lambda **given: calls.append(given)))
    people = [
        Principal(**{**ROOT.model_dump(), "slack_user_id": "UROOT"}),
        Principal(**{**BOB.model_dump(), "slack_user_id": "UBOB"}),
        Principal(**{**person("eve", "approver", tenants=frozenset({"ar"})).model_dump(), "slack_user_id": "UEVE"}),
    ]
    slack = SlackGlass(client, "C-ALL", people=people, redact=lambda text: text, channels={"br": "C-BR"})
    (glass,) = watched.glass.all(unreviewed=True)
    hostile = glass.model_copy(update={"reason": "<!channel> down"})
    roles = frozenset({"approver", "admin"})
    slack.glass_noticed(GlassNotice(glass=hostile, step=0, roles=cast(Any, roles)))
    slack.glass_noticed(GlassNotice(glass=hostile, step=2, roles=cast(Any, roles)))
    opened, chased = calls
    assert opened["channel"] == chased["channel"] == "C-BR"
    assert "human:bob broke the glass for production, BR until" in opened["text"]
    assert "<@" not in opened["text"]
    assert "<@UROOT> its review is still open" in chased["text"], "whoever broke it is not asked, nor other tenants"
    assert "UBOB" not in chased["text"]
    assert "UEVE" not in chased["text"]
    assert "<!channel>" not in opened["text"] + chased["text"]
    assert f"vigia break-glass review {glass.id}" in chased["text"]


def test_the_card_says_it_while_it_holds(watched: Watched, clock: FixedClock) -> None:
    holding: GlassOver = watched.glass.holding
    assert [glass.id for glass in holding("production", "br")] == [watched.id]
    assert holding("production", "ar") == holding("production", None) == holding("staging", "br") == ()
    clock.advance(timedelta(minutes=16))
    assert holding("production", "br") == ()
