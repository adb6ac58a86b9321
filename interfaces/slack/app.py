"""The Bolt app: what happens when somebody presses a button or asks a question.

Handlers translate and nothing more. Who may decide, and whether it is still time, is `ApprovalService.decide`'s word,
the same for Slack, console, HTTP and command line. Every refusal is shown to the person who pressed, and to nobody
else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agents.incident.card import IncidentCard
from agents.incident.ports import Notifier
from agents.incident.proposing import ProposalDesk, Proposed
from foundation.errors import Forbidden, InvalidInput, VigiaError
from foundation.telemetry.logs import get_logger
from guardrails.approvals.service import ApprovalService
from interfaces.slack.blocks import evidence_blocks
from interfaces.slack.editing import (
    Edit,
    ask_modal,
    edit_modal,
    fits,
    metadata,
    read_edit,
    refused_at,
    storable,
    told_modal,
)
from interfaces.slack.ids import ActionId, CallbackId
from interfaces.slack.limits import SECTION_TEXT, cut, escape
from interfaces.slack.modals import details_modal, reject_modal
from interfaces.slack.notifier import EvidenceReader
from platform_core.access.principals import Principal

if TYPE_CHECKING:
    from slack_bolt import App
    from slack_sdk import WebClient

_log = get_logger(__name__)
_MENTION = re.compile(r"<@[A-Z0-9]+>")


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


def create_slack_app(client: WebClient, parts: SlackParts, *, signing_secret: str | None = None) -> App:
    """A Bolt app over `client`. `signing_secret` is for HTTP; Socket Mode needs none."""
    from slack_bolt import App

    app = App(
        client=client,
        signing_secret=signing_secret or "not used in Socket Mode",
        request_verification_enabled=signing_secret is not None,
        token_verification_enabled=False,
        ignoring_self_events_enabled=False,
    )
    handlers = _Handlers(parts)
    app.action(ActionId.APPROVE)(handlers.approve)
    app.action(ActionId.REJECT)(handlers.ask_reason)
    app.action(ActionId.DETAILS)(handlers.details)
    app.action(ActionId.EDIT)(handlers.edit)
    app.action(ActionId.RIGHT_CAUSE)(handlers.right_cause)
    app.action(ActionId.WRONG_CAUSE)(handlers.wrong_cause)
    app.view(CallbackId.REJECT)(handlers.reject)
    app.view(CallbackId.EDIT)(handlers.show_edit)
    app.view(CallbackId.ASK)(handlers.ask_for_edit)
    app.event("app_mention")(handlers.question)
    app.error(handlers.unexpected)
    return app


class _Handlers:
    """Named as Bolt injects them: `ack`, `body`, `client`, `respond`-free so that refusals stay ephemeral."""

    def __init__(self, parts: SlackParts) -> None:
        self._parts = parts

    def approve(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        self._decide(body, client, body["actions"][0]["value"], "approve", reason=None)

    def ask_reason(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        view = reject_modal(body["actions"][0]["value"], channel=_channel(body))
        client.views_open(trigger_id=body["trigger_id"], view=view)

    def reject(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        request_id, channel, reason = reject_modal.read(body["view"])
        ack()
        self._decide(
            {**body, "channel": {"id": channel}}, client, request_id, "reject", reason=self._parts.redact(reason)
        )

    def details(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        try:
            incident_id = body["actions"][0]["value"]
            _, card = self._person_and_card(body, incident_id)
            lines = [
                f"[{e.id}] {e.tool} ({e.observation.status}): {e.observation.summary}"
                for e in self._parts.evidence.evidence(incident_id)
            ]
            blocks = evidence_blocks(lines, self._parts.redact)
            client.views_open(trigger_id=body["trigger_id"], view=details_modal(card.label, blocks))
        except VigiaError as error:
            self._tell(client, body, error)

    def edit(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        try:
            request = self._parts.approvals.get(body["actions"][0]["value"])
            if not self._parts.approvals.may_see(self._person(body), request):
                raise Forbidden("this proposal is not yours to see")
            view = edit_modal(
                request, self._parts.fields(request.proposal.tool), self._parts.redact, channel=_channel(body)
            )
            client.views_open(trigger_id=body["trigger_id"], view=view)
            self._parts.proposals()  # ready by the time the form comes back: Slack waits three seconds
        except VigiaError as error:
            self._tell(client, body, error)

    def show_edit(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        try:
            waiting = self._parts.approvals.get(metadata(body["view"]).approval)
            given = read_edit(body["view"], waiting, self._parts.redact)
            if not storable(given, self._parts.redact):
                raise InvalidInput("a value that may not be kept in Slack", hint="use `vigia approvals edit`")
            made = self._revise(body, given, dry_run=True)
            view = ask_modal(given, made, self._parts.redact)
            if not fits(view):
                raise InvalidInput("that is too much text for a form", hint="use `vigia approvals edit`")
            ack(response_action="update", view=view)
        except VigiaError as error:
            ack(response_action="errors", errors=refused_at(error, self._parts.redact))

    def ask_for_edit(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        try:
            made = self._revise(body, metadata(body["view"]), dry_run=False)
        except VigiaError as error:
            ack(response_action="update", view=told_modal(self._parts.redact(str(error))))
            return
        ack()
        self._show(made.proposal.incident_id)

    def _revise(self, body: dict[str, Any], given: Edit, *, dry_run: bool) -> Proposed:
        return self._parts.proposals().revise(
            given.approval,
            self._person(body),
            given.changes,
            reason=given.reason,
            channel="slack",
            shown=given.digest,
            dry_run=dry_run,
        )

    def right_cause(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        self._feedback(body, client, correct=True)

    def wrong_cause(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        self._feedback(body, client, correct=False)

    def question(self, event: dict[str, Any], client: WebClient) -> None:
        """`@vigia why is fraud-br declining?`, answered to who asked: others in the channel may see other tenants."""
        text = _MENTION.sub("", event.get("text", "")).strip()
        asker = event.get("user", "")
        try:
            answer = self._parts.answer(text, self._parts.people.by_slack_user(asker))
        except VigiaError as error:
            answer = str(error)
        safe = cut(escape(self._parts.redact(answer)), SECTION_TEXT)
        # In a thread only where it is one already: an ephemeral message does not open one.
        client.chat_postEphemeral(channel=event["channel"], user=asker, thread_ts=event.get("thread_ts"), text=safe)

    def _decide(
        self, body: dict[str, Any], client: WebClient, request_id: str, verdict: Any, *, reason: str | None
    ) -> None:
        try:
            person = self._person(body)
            request = self._parts.approvals.decide(request_id, person, verdict, reason=reason, channel="slack")
        except VigiaError as error:
            self._tell(client, body, error)
            return
        self._show(request.proposal.incident_id)

    def _show(self, incident_id: str) -> None:
        try:
            self._parts.notifier.incident_changed(self._parts.cards.build(incident_id))
        except VigiaError as error:  # the decision stands; the worker updates the card at its next step
            _log.warning("card not updated after the decision", error=str(error))

    def _feedback(self, body: dict[str, Any], client: WebClient, *, correct: bool) -> None:
        try:
            incident_id = body["actions"][0]["value"]
            person, _ = self._person_and_card(body, incident_id)
            self._parts.feedback(incident_id, person, correct)
        except VigiaError as error:
            self._tell(client, body, error)
        else:
            self._whisper(client, body, "Thank you: this moves the priors of the next diagnosis.")

    def _person(self, body: dict[str, Any]) -> Principal:
        return self._parts.people.by_slack_user(body["user"]["id"])

    def _person_and_card(self, body: dict[str, Any], incident_id: str) -> tuple[Principal, IncidentCard]:
        person, card = self._person(body), self._parts.cards.build(incident_id)
        if not person.may_act_for(card.tenant):
            raise Forbidden(f"{person.name} may not see incidents of {card.tenant or 'all tenants'}")
        return person, card

    def unexpected(self, error: Exception, body: dict[str, Any], client: WebClient) -> None:
        """Slack is answered 200 all the same: a 500 would only make it send the same click again."""
        _log.error("slack handler failed", error=repr(error), type=body.get("type"))
        if "user" in body:
            self._whisper(client, body, "This failed and may not be done: see the incident in the console.")

    def _tell(self, client: WebClient, body: dict[str, Any], error: VigiaError) -> None:
        self._whisper(client, body, str(error))

    def _whisper(self, client: WebClient, body: dict[str, Any], text: str) -> None:
        from slack_sdk.errors import SlackClientError

        safe = cut(escape(self._parts.redact(text)), SECTION_TEXT)
        try:
            client.chat_postEphemeral(channel=_channel(body), user=body["user"]["id"], text=safe)
        except SlackClientError as error:  # the decision or refusal stands whether or not it could be told
            _log.warning("could not tell the person in slack", error=str(error))


def _channel(body: dict[str, Any]) -> str:
    return str(body.get("channel", {}).get("id") or body["user"]["id"])
