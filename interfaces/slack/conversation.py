"""What every answer to a press needs: who pressed, whether they may see it, and telling them, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agents.incident.card import IncidentCard
from agents.incident.ports import Notifier
from agents.incident.proposing import ProposalDesk
from foundation.errors import Forbidden, VigiaError
from foundation.telemetry.logs import get_logger
from guardrails.approvals.deciding import Verdict
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.types import ApprovalRequest
from interfaces.slack.limits import SECTION_TEXT, cut, escape
from interfaces.slack.notifier import EvidenceReader
from interfaces.slack.texts import Block
from platform_core.access.principals import Principal

if TYPE_CHECKING:
    from slack_sdk import WebClient

_log = get_logger(__name__)


class SlackPeople(Protocol):
    def by_slack_user(self, slack_user_id: str) -> Principal:
        """Raises Unauthenticated for a user that nobody is."""
        ...


class Cards(Protocol):
    def build(self, incident_id: str) -> IncidentCard: ...


@dataclass(frozen=True)
class SlackParts:
    """What the handlers use."""

    approvals: ApprovalService
    people: SlackPeople
    cards: Cards
    evidence: EvidenceReader
    notifier: Notifier
    answer: Callable[[str, Principal], str]
    """Answers a question for a principal."""

    feedback: Callable[[str, Principal, bool], None]
    """Records whether the diagnosis of an incident was right."""

    redact: Callable[[str], str]
    proposals: Callable[[], ProposalDesk]
    fields: Callable[[str], list[str]]
    """Names of the arguments that an action takes."""


class Conversation:
    """Named as Bolt injects them: `ack`, `body`, `client`, `respond`-free so that refusals stay ephemeral."""

    def __init__(self, parts: SlackParts) -> None:
        self.parts = parts

    def person(self, body: dict[str, Any]) -> Principal:
        return self.parts.people.by_slack_user(body["user"]["id"])

    def person_and_card(self, body: dict[str, Any], incident_id: str) -> tuple[Principal, IncidentCard]:
        person, card = self.person(body), self.parts.cards.build(incident_id)
        if not person.may_act_for(card.tenant):
            raise Forbidden(f"{person.name} may not see incidents of {card.tenant or 'all tenants'}")
        return person, card

    def seen(self, body: dict[str, Any], request_id: str) -> ApprovalRequest:
        """Raises Forbidden where it is not theirs to see."""
        request = self.parts.approvals.get(request_id)
        if not self.parts.approvals.may_see(self.person(body), request):
            raise Forbidden("this proposal is not yours to see")
        return request

    def decide(
        self, body: dict[str, Any], client: WebClient, request_id: str, verdict: Verdict, *, reason: str | None
    ) -> ApprovalRequest | None:
        """None where it was refused, which the person was told."""
        try:
            person = self.person(body)
            request = self.parts.approvals.decide(request_id, person, verdict, reason=reason, channel="slack")
        except VigiaError as error:
            self.tell(client, body, error)
            return None
        self.show(request.proposal.incident_id)
        return request

    def show(self, incident_id: str) -> None:
        try:
            self.parts.notifier.incident_changed(self.parts.cards.build(incident_id))
        except VigiaError as error:  # the decision stands; the worker updates the card at its next step
            _log.warning("card not updated after the decision", error=str(error))

    def tell(self, client: WebClient, body: dict[str, Any], error: VigiaError) -> None:
        self.whisper(client, body, str(error))

    def whisper(self, client: WebClient, body: dict[str, Any], text: str, *, blocks: list[Block] | None = None) -> None:
        """`blocks`: the same with something to press."""
        from slack_sdk.errors import SlackClientError

        safe = cut(escape(self.parts.redact(text)), SECTION_TEXT)
        try:
            client.chat_postEphemeral(channel=channel_of(body), user=body["user"]["id"], text=safe, blocks=blocks)
        except SlackClientError as error:  # the decision or refusal stands whether or not it could be told
            _log.warning("could not tell the person in slack", error=str(error))


def channel_of(body: dict[str, Any]) -> str:
    return str(body.get("channel", {}).get("id") or body["user"]["id"])
