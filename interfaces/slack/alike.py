"""Requests that are alike, decided at one look: offered to whoever decided one of them, in a form that shows all of
each. Each is a decision of its own; what became of it is told, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from agents.incident.card_building import card_proposal
from foundation.errors import TooLarge, VigiaError
from foundation.frozen import Frozen
from foundation.reasons import LONGEST_REASON
from guardrails.approvals.deciding import said
from guardrails.approvals.types import ApprovalRequest, Batch
from interfaces.slack.conversation import Conversation, channel_of
from interfaces.slack.decision import fits_a_view, told
from interfaces.slack.editing import refused_at
from interfaces.slack.ids import ActionId, BlockId, CallbackId
from interfaces.slack.texts import Block, Redact, Show, button, section, sections

if TYPE_CHECKING:
    from slack_sdk import WebClient

_CHOSEN = "chosen"


class Shown(Frozen):
    """What the form carries: the requests it shows, bound by the digest of all of them."""

    channel: str
    digest: str
    ids: tuple[str, ...]


class AlikeHandlers(Conversation):
    def offer(self, body: dict[str, Any], client: WebClient, decided: ApprovalRequest) -> None:
        """Tell whoever decided one that others like it wait; nothing where none does."""
        try:
            count = len(self._alike(body, decided.id).request_ids)
        except VigiaError:
            return
        text = f"{count} more like this {'waits' if count == 1 else 'wait'}: {decided.proposal.tool}"
        press = button("Decide them together…", ActionId.ALIKE, decided.id)
        blocks = [section(Show(self.parts.redact).text(text)), {"type": "actions", "elements": [press]}]
        self.whisper(client, body, text, blocks=blocks)

    def open(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        ack()
        request_id = body["actions"][0]["value"]
        try:
            batch = self._alike(body, request_id)
            requests = [self.parts.approvals.get(each) for each in batch.request_ids]
            view = alike_modal(batch, requests, self.parts.redact, channel=channel_of(body))
            if not fits_a_view(view):
                raise TooLarge("they are more than Slack can show", hint=f"vigia approvals like {request_id}")
            client.views_open(trigger_id=body["trigger_id"], view=view)
        except VigiaError as error:
            self.tell(client, body, error)

    def decide_all(self, ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
        shown = Shown.model_validate_json(body["view"]["private_metadata"])
        verdict, typed = _submitted(body["view"])
        try:
            reason = said(verdict, self.parts.redact(typed) if typed else None)
        except VigiaError as error:
            ack(response_action="errors", errors=refused_at(error, self.parts.redact))
            return
        ack()
        body = {**body, "channel": {"id": shown.channel}}
        try:
            outcomes = self.parts.approvals.decide_batch(
                shown.ids, shown.digest, self.person(body), verdict, reason=reason, channel="slack"
            )
        except VigiaError as error:
            self.tell(client, body, error)
            return
        lines = [f"{each.request_id} {each.status or f'was not decided: {each.refused}'}" for each in outcomes]
        shown_whole = sections(Show(self.parts.redact).text(line) for line in lines)  # the text alone would be cut
        self.whisper(client, body, "\n".join(lines), blocks=shown_whole)
        for each in outcomes:
            if each.status is not None:
                self.show(self.parts.approvals.get(each.request_id).proposal.incident_id)

    def _alike(self, body: dict[str, Any], request_id: str) -> Batch:
        person = self.person(body)
        return self.parts.approvals.like(request_id, lambda request: self.parts.approvals.may_see(person, request))


def alike_modal(batch: Batch, requests: Sequence[ApprovalRequest], redact: Redact, *, channel: str) -> Block:
    """All of every request, then the question."""
    show = Show(redact)
    carried = Shown(channel=channel, digest=batch.digest, ids=batch.request_ids)
    more = [section(f"{batch.more} more are alike and not shown: decide these first.")] if batch.more else []
    return {
        "type": "modal",
        "callback_id": CallbackId.ALIKE,
        "private_metadata": carried.model_dump_json(),
        "title": {"type": "plain_text", "text": "Decide them together"},
        "submit": {"type": "plain_text", "text": "Decide"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": [
            *(block for each in requests for block in _whole(each, show)),
            *more,
            _choice(),
            _words(),
        ],
    }


def _whole(request: ApprovalRequest, show: Show) -> list[Block]:
    return told(card_proposal("action", request.proposal), request.id, show).whole()


def _submitted(view: Block) -> tuple[Literal["approve", "reject"], str]:
    values = view["state"]["values"]
    chosen = values[BlockId.VERDICT][_CHOSEN]["selected_option"]["value"]
    return "approve" if chosen == "approve" else "reject", str(values[BlockId.REASON][_CHOSEN].get("value") or "")


def _choice() -> Block:
    verdicts = ("approve", "reject")
    options = [{"text": {"type": "plain_text", "text": f"{each} all"}, "value": each} for each in verdicts]
    return {
        "type": "input",
        "block_id": BlockId.VERDICT,
        "label": {"type": "plain_text", "text": "Your decision, for each of them"},
        "element": {"type": "radio_buttons", "action_id": _CHOSEN, "options": options},
    }


def _words() -> Block:
    return {
        "type": "input",
        "block_id": BlockId.REASON,
        "optional": True,
        "label": {"type": "plain_text", "text": "Why? A rejection needs it."},
        "element": {
            "type": "plain_text_input",
            "action_id": _CHOSEN,
            "multiline": True,
            "max_length": LONGEST_REASON,
        },
    }
