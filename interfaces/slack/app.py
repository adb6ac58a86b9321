"""The Bolt app: what happens when somebody presses a button or asks a question.

Handlers translate and nothing more. Who may decide, and whether it is still time, is `ApprovalService.decide`'s word,
the same for Slack, console, HTTP and command line. Every refusal is shown to the person who pressed, and to nobody
else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agents.incident.proposing import Proposed
from foundation.errors import Conflict, InvalidInput, TooLarge, VigiaError
from foundation.telemetry.logs import get_logger
from guardrails.approvals.deciding import Verdict, said
from interfaces.slack.alike import AlikeHandlers
from interfaces.slack.blocks import evidence_blocks
from interfaces.slack.conversation import Conversation, SlackParts, channel_of
from interfaces.slack.decision import review_modal, reviewed, whole_on_card
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

if TYPE_CHECKING:
    from slack_bolt import App
    from slack_sdk import WebClient

_log = get_logger(__name__)
_MENTION = re.compile(r"<@[A-Z0-9]+>")


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
    app.action(ActionId.REVIEW)(handlers.review)
    app.action(ActionId.APPROVE_OF_A_PART)(handlers.review)
    app.action(ActionId.ALIKE)(handlers.alike.open)
    app.view(CallbackId.ALIKE)(handlers.alike.decide_all)
    app.view(CallbackId.REVIEW)(handlers.approve_reviewed)
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


class _Handlers(Conversation):
    """Named as Bolt injects them: `ack`, `body`, `client`, `respond`-free so that refusals stay ephemeral."""

    def __init__(self, parts: SlackParts) -> None:
        super().__init__(parts)
        self.alike = AlikeHandlers(parts)

    def approve(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        """Refused where a card does not hold all of it, whatever the one that was pressed had below it."""
        ack()
        request_id = body["actions"][0]["value"]
        try:
            if not whole_on_card(self.parts.approvals.get(request_id), self.parts.redact):
                raise Conflict("the card does not show all of this", hint=f"vigia approvals show {request_id}")
        except VigiaError as error:
            self.tell(client, body, error)
        else:
            self._settle(body, client, request_id, "approve", reason=None)

    def review(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        """All of what is too long for the card, with Approve below it."""
        ack()
        request_id = body["actions"][0]["value"]
        try:
            view = review_modal(self.seen(body, request_id), self.parts.redact, channel=channel_of(body))
            if view is None:
                raise TooLarge(
                    "this is more than Slack can show, so it is not approved here",
                    hint=f"the console shows all of it, and so does: vigia approvals show {request_id}",
                )
            client.views_open(trigger_id=body["trigger_id"], view=view)
        except VigiaError as error:
            self.tell(client, body, error)

    def approve_reviewed(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        request_id, channel = reviewed(body["view"])
        self._settle({**body, "channel": {"id": channel}}, client, request_id, "approve", reason=None)

    def _settle(
        self, body: dict[str, Any], client: WebClient, request_id: str, verdict: Verdict, *, reason: str | None
    ) -> None:
        decided = self.decide(body, client, request_id, verdict, reason=reason)
        if decided is not None:
            self.alike.offer(body, client, decided)

    def ask_reason(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        view = reject_modal(body["actions"][0]["value"], channel=channel_of(body))
        client.views_open(trigger_id=body["trigger_id"], view=view)

    def reject(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        request_id, channel, reason = reject_modal.read(body["view"])
        try:
            reason = said("reject", self.parts.redact(reason))
        except VigiaError as error:
            ack(response_action="errors", errors=refused_at(error, self.parts.redact))
            return
        ack()
        self._settle({**body, "channel": {"id": channel}}, client, request_id, "reject", reason=reason)

    def details(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        try:
            incident_id = body["actions"][0]["value"]
            _, card = self.person_and_card(body, incident_id)
            lines = [
                f"[{e.id}] {e.tool} ({e.observation.status}): {e.observation.summary}"
                for e in self.parts.evidence.evidence(incident_id)
            ]
            blocks = evidence_blocks(lines, self.parts.redact)
            client.views_open(trigger_id=body["trigger_id"], view=details_modal(card.label, blocks))
        except VigiaError as error:
            self.tell(client, body, error)

    def edit(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        try:
            request = self.seen(body, body["actions"][0]["value"])
            view = edit_modal(
                request, self.parts.fields(request.proposal.tool), self.parts.redact, channel=channel_of(body)
            )
            client.views_open(trigger_id=body["trigger_id"], view=view)
            self.parts.proposals()  # ready by the time the form comes back: Slack waits three seconds
        except VigiaError as error:
            self.tell(client, body, error)

    def show_edit(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        try:
            waiting = self.parts.approvals.get(metadata(body["view"]).approval)
            given = read_edit(body["view"], waiting, self.parts.redact)
            if not storable(given, self.parts.redact):
                raise InvalidInput("a value that may not be kept in Slack", hint="use `vigia approvals edit`")
            made = self._revise(body, given, dry_run=True)
            view = ask_modal(given, made, self.parts.redact)
            if not fits(view):
                raise InvalidInput("that is too much text for a form", hint="use `vigia approvals edit`")
            ack(response_action="update", view=view)
        except VigiaError as error:
            ack(response_action="errors", errors=refused_at(error, self.parts.redact))

    def ask_for_edit(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        try:
            made = self._revise(body, metadata(body["view"]), dry_run=False)
        except VigiaError as error:
            ack(response_action="update", view=told_modal(self.parts.redact(str(error))))
            return
        ack()
        self.show(made.proposal.incident_id)

    def _revise(self, body: dict[str, Any], given: Edit, *, dry_run: bool) -> Proposed:
        return self.parts.proposals().revise(
            given.approval,
            self.person(body),
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
            answer = self.parts.answer(text, self.parts.people.by_slack_user(asker))
        except VigiaError as error:
            answer = str(error)
        safe = cut(escape(self.parts.redact(answer)), SECTION_TEXT)
        # In a thread only where it is one already: an ephemeral message does not open one.
        client.chat_postEphemeral(channel=event["channel"], user=asker, thread_ts=event.get("thread_ts"), text=safe)

    def _feedback(self, body: dict[str, Any], client: WebClient, *, correct: bool) -> None:
        try:
            incident_id = body["actions"][0]["value"]
            person, _ = self.person_and_card(body, incident_id)
            self.parts.feedback(incident_id, person, correct)
        except VigiaError as error:
            self.tell(client, body, error)
        else:
            self.whisper(client, body, "Thank you: this moves the priors of the next diagnosis.")

    def unexpected(self, error: Exception, body: dict[str, Any], client: WebClient) -> None:
        """Slack is answered 200 all the same: a 500 would only make it send the same click again."""
        _log.error("slack handler failed", error=repr(error), type=body.get("type"))
        if "user" in body:
            self.whisper(client, body, "This failed and may not be done: see the incident in the console.")
