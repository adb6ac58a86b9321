"""A person who presses buttons in Slack, without Slack: the handlers over a real approval service."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from agents.incident.card import IncidentCard
from agents.incident.card_building import card_proposal
from guardrails.approvals.types import ApprovalRequest
from interfaces.slack.app import _Handlers
from interfaces.slack.conversation import SlackParts
from tests.fakes.cards import incident_card
from tests.fakes.guarded import ALICE, Guard, person

EVE = person("eve", "caller")
BRUNA = person("bruna", "oncall", tenants=frozenset({"br"}))


def card_of(request: ApprovalRequest) -> IncidentCard:
    card = incident_card(request)
    return card.model_copy(update={"proposal": card_proposal("action", request.proposal)})


class Pressing:
    """A person who presses the buttons of one request."""

    def __init__(self, guard: Guard, proposal: Any) -> None:
        self.guard, self.request = guard, guard.approvals.request(proposal)
        self.told: list[str] = []
        self.offered: list[Any] = []
        self.opened: list[dict[str, Any]] = []
        self.acks: list[dict[str, Any]] = []
        parts = cast(SlackParts, SimpleNamespace(
            approvals=guard.approvals, people=self, cards=self, redact=str,
            notifier=SimpleNamespace(incident_changed=lambda card: None),
        ))  # fmt: skip
        self.handlers = _Handlers(parts)

    def by_slack_user(self, user: str) -> Any:
        return {person.name: person for person in (ALICE, EVE, BRUNA)}[user]

    def build(self, incident_id: str) -> IncidentCard:
        return card_of(self.guard.approvals.get(self.request.id))

    def views_open(self, *, trigger_id: str, view: dict[str, Any]) -> None:
        self.opened.append(view)

    def chat_postEphemeral(self, *, text: str, blocks: Any = None, **_: Any) -> None:  # noqa: N802 - Slack names it so
        self.told.append(text)
        self.offered += [blocks] if blocks else []

    def ack(self, **answer: Any) -> None:
        self.acks.append(answer)

    def press(self, button: str, who: str, **body: Any) -> None:
        pressed = {"user": {"id": who}, "channel": {"id": "C1"}, "trigger_id": "t", **body}
        pressed.setdefault("actions", [{"value": self.request.id}])
        handlers, _, name = button.rpartition(".")
        getattr(getattr(self.handlers, handlers) if handlers else self.handlers, name)(
            self.ack, pressed, cast(Any, self)
        )

    @property
    def status(self) -> str:
        return self.guard.approvals.get(self.request.id).status
