"""The Slack app over HTTP, against the emulator of Slack's Web API and the real approval service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from slack_sdk import WebClient
from sqlalchemy.engine import Engine

from agents.incident.card import IncidentCard
from audit.log import SqlAuditLog
from foundation.clock import FixedClock
from foundation.errors import Unauthenticated
from foundation.http_errors import install_error_handlers
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.types import ApprovalRequest
from guardrails.policy.policy import Policy
from interfaces.slack.app import create_slack_app
from interfaces.slack.conversation import SlackParts
from interfaces.slack.http import slack_router
from interfaces.slack.ids import ActionId
from interfaces.slack.notifier import SlackNotifier
from interfaces.slack.requests import RequestGuard
from platform_core.access.principals import Principal
from tests.fakes.cards import incident_card, quarantine_proposal
from tests.fakes.diagnoses import EVIDENCE
from tests.fakes.loopback import serve
from tests.fakes.slack import SECRET, TOKEN, Workspace, button, press, signed, slack_emulator, submit

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with slack_emulator() as address:
        yield address


class Desk:
    """One incident with its approval, its card in Slack, and the app behind the buttons."""

    def __init__(self, engine: Engine, clock: FixedClock, address: str) -> None:
        self.workspace = Workspace(address)
        self.channel = self.workspace.channel("ml-oncall")
        self.alice, self.bob = self.workspace.user("alice"), self.workspace.user("bob")
        self.people = {
            self.alice: Principal(
                id="human:alice", name="alice", roles=frozenset({"oncall"}), tenants=frozenset({"*"})
            ),
            self.bob: Principal(id="human:bob", name="bob", roles=frozenset({"viewer"}), tenants=frozenset({"br"})),
        }
        audit = SqlAuditLog(engine, clock)
        self.approvals = ApprovalService(engine, clock, audit, Policy.load(None), expires_after=timedelta(minutes=30))
        self.request = self.approvals.request(quarantine_proposal())
        self.feedback: list[tuple[str, str, bool]] = []
        self.asked: list[tuple[str, str]] = []
        client = WebClient(token=TOKEN, base_url=f"{address}/api/")
        self.notifier = SlackNotifier(
            engine,
            client,
            channel=self.channel,
            redact=lambda text: text.replace("ana.souza@payco.example", "<EMAIL>"),
            evidence=self,
        )
        parts = SlackParts(
            approvals=self.approvals,
            people=self,
            cards=self,
            evidence=self,
            notifier=self.notifier,
            answer=self.answer,
            feedback=lambda incident, person, right: self.feedback.append((incident, person.id, right)),
            redact=lambda text: text,
            proposals=lambda: self.proposals,
            fields=lambda tool: ["source", "since", "narrow"],
        )
        self.app = FastAPI()
        install_error_handlers(self.app)
        self.app.include_router(
            slack_router(create_slack_app(client, parts, signing_secret=SECRET), RequestGuard(engine, clock, SECRET))
        )
        self.notifier.incident_changed(self.build("inc_1"))

    def by_slack_user(self, slack_user_id: str) -> Principal:
        if slack_user_id not in self.people:
            raise Unauthenticated(f"Slack user {slack_user_id!r} is nobody we know")
        return self.people[slack_user_id]

    def answer(self, question: str, person: Principal) -> str:
        self.asked.append((person.id, question))
        return "an answer"

    def build(self, incident_id: str) -> IncidentCard:
        return incident_card(self.approvals.get(self.request.id))

    def evidence(self, incident_id: str) -> list:
        return list(EVIDENCE)

    def card(self) -> dict:
        return self.workspace.messages(self.channel)[0]

    def state(self) -> ApprovalRequest:
        return self.approvals.get(self.request.id)


@pytest.fixture
def desk(engine: Engine, clock: FixedClock, emulator: str) -> Desk:
    return Desk(engine, clock, emulator)


@pytest.fixture
def post(desk: Desk) -> Iterator[Callable[..., httpx.Response]]:
    with serve(desk.app) as address, httpx.Client(base_url=address, timeout=10) as client:

        def send(body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
            return client.post("/slack/events", content=body, headers=signed(body) if headers is None else headers)

        yield send


def eventually(check: Callable[[], bool]) -> None:
    """Bolt answers first and works afterwards: give the work a moment."""
    deadline = time.monotonic() + 10
    while not check():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_the_card_shows_what_why_and_what_to_press(desk: Desk) -> None:
    card = desk.card()
    text = str(card["blocks"])
    assert "INC-0042" in text
    assert "[E1] [E2]" in text
    assert "quarantine_since" in text
    assert button(card, ActionId.APPROVE)["value"] == desk.request.id
    assert any(block["type"] == "data_visualization" for block in card["blocks"])
    thread = desk.workspace.replies(desk.channel, card["ts"])
    assert "[E2] changes" in str(thread)
    assert "ana.souza" not in str(thread), "evidence reaches Slack redacted"


def test_approve_decides_once_and_the_buttons_go(desk: Desk, post: Callable[..., httpx.Response]) -> None:
    body = press(button(desk.card(), ActionId.APPROVE), user=desk.alice, channel=desk.channel)
    headers = signed(body)
    assert post(body, headers).status_code == 200
    eventually(lambda: desk.state().status == "approved")
    assert desk.state().decisions[0].principal_id == "human:alice"
    assert desk.state().decisions[0].channel == "slack"
    eventually(lambda: "approve by human:alice" in str(desk.card()["blocks"]))
    assert all(block["type"] != "actions" for block in desk.card()["blocks"])
    assert post(body, headers).status_code == 200, "the same signed request again is answered"
    assert len(desk.state().decisions) == 1, "and decides nothing"


def test_who_may_not_is_told_and_nothing_is_decided(desk: Desk, post: Callable[..., httpx.Response]) -> None:
    approve = button(desk.card(), ActionId.APPROVE)
    for user in (desk.bob, desk.workspace.user("mallory")):
        assert post(press(approve, user=user, channel=desk.channel)).status_code == 200
    time.sleep(1)
    assert desk.state().status == "pending"


def test_reject_asks_for_a_reason_and_keeps_it(desk: Desk, post: Callable[..., httpx.Response]) -> None:
    from interfaces.slack.modals import reject_modal

    reject = button(desk.card(), ActionId.REJECT)
    body = press(reject, user=desk.alice, channel=desk.channel, trigger_id=desk.workspace.trigger_id())
    assert post(body).status_code == 200
    view = reject_modal(reject["value"], channel=desk.channel)
    assert post(submit(view, user=desk.alice, reason="the deploy is being rolled back")).status_code == 200
    eventually(lambda: desk.state().status == "rejected")
    assert desk.state().decisions[0].reason == "the deploy is being rolled back"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"X-Slack-Signature": "v0=" + "0" * 64}, 401),
        ({"X-Slack-Request-Timestamp": "soon"}, 401),
        ({"X-Slack-Request-Timestamp": "1"}, 401),
        ({"X-Slack-Signature": ""}, 401),
    ],
)
def test_what_slack_did_not_sign_is_refused(
    desk: Desk, post: Callable[..., httpx.Response], change: dict[str, str], status: int
) -> None:
    body = press(button(desk.card(), ActionId.APPROVE), user=desk.alice, channel=desk.channel)
    answer = post(body, {**signed(body), **change})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert desk.state().status == "pending"


def test_a_changed_body_is_refused(desk: Desk, post: Callable[..., httpx.Response]) -> None:
    body = press(button(desk.card(), ActionId.APPROVE), user=desk.bob, channel=desk.channel)
    forged = body.replace(desk.bob.encode(), desk.alice.encode())
    assert post(forged, signed(body)).status_code == 401
    assert desk.state().status == "pending"


def test_a_question_is_answered_to_who_asked_and_not_to_the_channel(
    desk: Desk, post: Callable[..., httpx.Response]
) -> None:
    asked = desk.workspace.call("chat.postMessage", channel=desk.channel, text="<@UVIGIA> what changed?")["message"]
    event = {**asked, "type": "app_mention", "user": desk.alice, "channel": desk.channel}
    payload = {"type": "event_callback", "team_id": "T000000001", "event_id": "Ev1", "event": event}
    body = json.dumps(payload).encode()
    before = len(desk.workspace.messages(desk.channel))
    assert post(body, {**signed(body), "Content-Type": "application/json"}).status_code == 200
    eventually(lambda: desk.asked == [("human:alice", "what changed?")])
    time.sleep(0.5)
    assert desk.workspace.replies(desk.channel, asked["ts"]) == []
    assert len(desk.workspace.messages(desk.channel)) == before


def test_the_verdict_of_the_engineer_is_kept(desk: Desk, post: Callable[..., httpx.Response]) -> None:
    element = {"action_id": ActionId.RIGHT_CAUSE, "value": "inc_1"}
    assert post(press(element, user=desk.alice, channel=desk.channel)).status_code == 200
    eventually(lambda: desk.feedback == [("inc_1", "human:alice", True)])
