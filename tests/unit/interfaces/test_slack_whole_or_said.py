"""What cannot be seen in Slack cannot be approved there: whole, or said and asked for elsewhere."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy.engine import Engine

from agents.diagnosis.types import Finding
from agents.incident.card_building import card_proposal
from foundation.clock import FixedClock
from guardrails.proposal import BlastRadius, PlannedChange
from interfaces.slack.app import create_slack_app
from interfaces.slack.blocks import card_blocks, evidence_blocks
from interfaces.slack.decision import fits_a_view, review_modal, whole_on_card
from interfaces.slack.ids import ActionId, CallbackId
from interfaces.slack.limits import SECTION_TEXT, cut, escape, pieces
from interfaces.slack.texts import Block, fenced, sections
from interfaces.terminal.card import render_card
from tests.fakes.cards import quarantine_proposal
from tests.fakes.guarded import ALICE, Guard
from tests.fakes.pressing import EVE, Pressing, card_of


def changes(count: int, *, length: int = 20) -> tuple[PlannedChange, ...]:
    return tuple(PlannedChange(field=f"field_{n}", before="b" * length, after="a" * length) for n in range(count))


def wide(*planned: PlannedChange) -> Any:
    proposal = quarantine_proposal()
    return proposal.model_copy(update={"plan": proposal.plan.model_copy(update={"changes": planned})})


@pytest.fixture
def guard(engine: Engine, clock: FixedClock) -> Guard:
    return Guard(engine, clock)


def buttons(blocks: list[Block]) -> list[str]:
    return [e["action_id"] for b in blocks if b["type"] == "actions" for e in b["elements"]]


def text_of(blocks: list[Block]) -> str:
    return "\n".join(b["text"]["text"] for b in blocks if b["type"] == "section")


def test_what_fits_the_card_is_approved_on_the_card(guard: Guard) -> None:
    blocks = card_blocks(card_of(guard.approvals.request(wide(*changes(12)))), str)
    assert ActionId.APPROVE in buttons(blocks)
    assert all(f"field_{n}:" in text_of(blocks) for n in range(12))
    assert "left out" not in text_of(blocks)


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        (changes(13), "1 of 13 changed fields"),
        (changes(400), "388 of 400 changed fields"),
        (changes(2, length=4000), "2 of 2 changed fields"),
        ((PlannedChange(field="map", before=None, after={"k" * 50: "v" * 3000}),), "1 of 1 changed fields"),
    ],
)
def test_what_does_not_is_said_and_reviewed_first(guard: Guard, planned: Any, said: str) -> None:
    request = guard.approvals.request(wide(*planned))
    blocks = card_blocks(card_of(request), str)
    assert ActionId.APPROVE not in buttons(blocks)
    assert buttons(blocks)[:2] == [ActionId.REVIEW, ActionId.REJECT]
    assert said in text_of(blocks)
    view = review_modal(request, str, channel="C1")
    assert view is not None
    assert fits_a_view(view)
    assert view["submit"]["text"] == "Approve"
    whole = text_of(view["blocks"]).replace("```\n```", "").replace("```", "").replace("\n", "")
    for change in planned:
        assert escape(change.line) in whole, "every character of the diff is in the form"


def test_all_that_it_reaches_is_on_the_card(guard: Guard) -> None:
    endpoints = tuple(f"urn:vigia:endpoint:fraud-{n:02}-{'x' * 70}" for n in range(45))
    reaching = quarantine_proposal().model_copy(update={"blast_radius": BlastRadius(endpoints=endpoints)})
    blocks = card_blocks(card_of(guard.approvals.request(reaching)), str)
    assert ActionId.APPROVE in buttons(blocks)
    assert all(f"fraud-{n:02}-" in text_of(blocks) for n in range(45))


def test_what_it_expects_that_does_not_fit_is_said_too(guard: Guard) -> None:
    proposal = quarantine_proposal()
    plan = proposal.plan.model_copy(update={"expected_effect": f"{'so ' * 4000}that the last word counts"})
    request = guard.approvals.request(proposal.model_copy(update={"plan": plan}))
    blocks = card_blocks(card_of(request), str)
    assert ActionId.APPROVE not in buttons(blocks)
    assert "Some of the text is left out or cut" in text_of(blocks)
    view = review_modal(request, str, channel="C1")
    assert view is not None
    assert "that the last word counts" in text_of(view["blocks"])


@pytest.mark.parametrize("purpose", ["action", "compensation"])
def test_no_length_has_approve_below_a_part(guard: Guard, purpose: Any) -> None:
    """Where the text is just too long, with the word who may approve it or without."""
    request = guard.approvals.request(quarantine_proposal())
    offered: set[ActionId] = set()
    for length in range(5700, 6000):
        plan = request.proposal.plan.model_copy(update={"expected_effect": "e" * length})
        longer = request.model_copy(update={"proposal": request.proposal.model_copy(update={"plan": plan})})
        card = card_of(longer)
        card = card.model_copy(update={"proposal": card_proposal(purpose, longer.proposal)})
        blocks = card_blocks(card, str)
        (pressed,) = {ActionId.APPROVE, ActionId.REVIEW} & {*buttons(blocks)}
        offered.add(pressed)
        approved = pressed == ActionId.APPROVE
        assert approved == ("e" * length in text_of(blocks).replace("\n", "")) == whole_on_card(longer, str), length
    assert offered == {ActionId.APPROVE, ActionId.REVIEW}, "both sides of the limit"


def test_what_no_form_holds_is_not_approved_in_slack(guard: Guard) -> None:
    assert review_modal(guard.approvals.request(wide(*changes(4000, length=60))), str, channel="C1") is None
    slack = Pressing(guard, wide(*changes(4000, length=60)).model_copy(update={"id": "prp_2", "incident_id": "inc_2"}))
    slack.press("review", ALICE.name)
    assert "more than Slack can show" in slack.told[-1]
    assert f"vigia approvals show {slack.request.id}" in slack.told[-1]
    assert slack.opened == []


def test_an_approve_that_was_not_offered_decides_nothing(guard: Guard) -> None:
    slack = Pressing(guard, wide(*changes(400)))
    slack.press("approve", ALICE.name)
    assert slack.status == "pending"
    assert "does not show all of this" in slack.told[-1]
    slack.press("review", EVE.name)
    assert "not yours to see" in slack.told[-1]
    slack.press("review", ALICE.name)
    (view,) = slack.opened
    assert view["callback_id"] == CallbackId.REVIEW
    slack.press("approve_reviewed", ALICE.name, view=view)
    assert slack.status == "approved"


def test_approve_of_an_older_card_shows_all_of_it_first(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been cut: cards once did not say what they left out."""
    from slack_bolt import BoltRequest
    from slack_sdk import WebClient
    from slack_sdk.web import SlackResponse

    slack = Pressing(guard, quarantine_proposal())

    def answered(client: WebClient, api_method: str, **more: Any) -> SlackResponse:
        if api_method == "views.open":
            slack.opened.append(more["json"]["view"])
        data = {"ok": True, "user_id": "U0", "bot_id": "B0", "team_id": "T0"}
        return SlackResponse(
            client=client, http_verb="POST", api_url="", req_args={}, data=data, headers={}, status_code=200
        )

    monkeypatch.setattr(WebClient, "api_call", answered)
    app = create_slack_app(WebClient(token="xoxb-1"), slack.handlers.parts)
    for action in ("vigia_approve", ActionId.REVIEW):
        pressed = {"type": "button", "action_id": action, "block_id": "b", "value": slack.request.id}
        body = {"type": "block_actions", "user": {"id": ALICE.name}, "team": {"id": "T0"}, "channel": {"id": "C1"},
                "trigger_id": "t", "actions": [pressed]}  # fmt: skip
        assert app.dispatch(BoltRequest(body=body, mode="socket_mode")).status == 200
    deadline = time.monotonic() + 10
    while len(slack.opened) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)  # Bolt answers first and works afterwards
    assert [view["callback_id"] for view in slack.opened] == [CallbackId.REVIEW] * 2
    assert slack.status == "pending"


def test_a_rejection_without_words_is_told_in_the_form(guard: Guard) -> None:
    slack = Pressing(guard, quarantine_proposal())
    slack.press("ask_reason", ALICE.name)
    (view,) = slack.opened
    block = view["blocks"][0]
    assert block["element"]["max_length"] == 2000

    def submitted(reason: str) -> dict[str, Any]:
        return {**view, "state": {"values": {block["block_id"]: {block["element"]["action_id"]: {"value": reason}}}}}

    slack.press("reject", ALICE.name, view=submitted(" ... "))
    assert slack.acks[-1]["response_action"] == "errors"
    assert "a rejection needs a reason" in str(slack.acks[-1]["errors"])
    assert slack.status == "pending"
    slack.press("reject", ALICE.name, view=submitted("wrong source"))
    assert slack.status == "rejected"


def test_what_else_the_card_leaves_out_is_counted(guard: Guard) -> None:
    card = card_of(guard.approvals.request(quarantine_proposal()))
    top = card.most_likely
    assert top is not None
    against = tuple(Finding(text=f"against {n}", evidence_ids=("E1",), weight=-1.0) for n in range(9))
    blocks = card_blocks(card.model_copy(update={"most_likely": top.model_copy(update={"refuting": against})}), str)
    assert "and 6 more, see the console" in text_of(blocks)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(render_card(card.model_copy(update={"most_likely": top.model_copy(update={"refuting": against})})))
    assert "and 5 more" in console.export_text(), "the terminal says so too"
    assert "and 301 more" in json.dumps(evidence_blocks([f"line {n}" for n in range(500)], str))


def test_no_section_is_empty_or_too_long(guard: Guard) -> None:
    card = card_of(guard.approvals.request(wide(*changes(900, length=300)))).model_copy(update={"impact": ""})
    for block in card_blocks(card, str):
        if block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= SECTION_TEXT


@given(st.lists(st.text(alphabet="ab&<>`*_ \n", max_size=400), max_size=30))
def test_nothing_is_lost_between_sections(texts: list[str]) -> None:
    shown = [escape(text) for text in texts]
    packed = [block["text"]["text"] for block in sections(shown)]
    assert all(len(text) <= SECTION_TEXT for text in packed)
    assert "".join(packed).replace("\n", "") == "".join(shown).replace("\n", "")
    assert "".join(fenced(shown)).replace("`", "").replace("\n", "") == "".join(shown).replace("\n", "")


@pytest.mark.parametrize("limit", range(6, 14))
def test_no_escape_is_cut_in_two(limit: int) -> None:
    text = "ab&amp;cd&lt;ef&gt;" * 3
    assert "".join(pieces(text, limit)) == text
    for piece in (*pieces(text, limit), cut(text, limit)):
        assert len(piece) <= limit
        assert piece.count("&") == piece.count(";")


def test_a_value_with_line_ends_is_no_change_of_its_own() -> None:
    change = PlannedChange(field="since", before=None, after="now\nreplicas: 1 -> 1\u2028x")
    assert change.line == "since: none -> now\\nreplicas: 1 -> 1\\u2028x"
    assert PlannedChange(field="on", before=True, after={"a": ["é"]}).line == 'on: true -> {"a": ["é"]}'
