"""What is proposed and the buttons below it. Nobody approves what they could not see: where the card cannot hold all of
it, it says how much is missing and has *Review…* in the place of Approve, a form that holds all of it. What does not
fit that either is not approved in Slack."""

from __future__ import annotations

import json
from typing import NamedTuple

from agents.incident.card import CardApproval, CardProposal
from agents.incident.card_building import card_proposal
from guardrails.approvals.types import ApprovalRequest
from interfaces.card_words import reach
from interfaces.slack.ids import ActionId, BlockId, CallbackId
from interfaces.slack.limits import BLOCKS_PER_VIEW, SECTION_TEXT, VIEW_BYTES, cut
from interfaces.slack.texts import Block, Redact, Show, button, fenced, sections

FIELDS_ON_A_CARD = 12
"""Of the diff; what is longer is read in a form, not between charts on a phone."""

SECTIONS_ON_A_CARD = 3
"""And what stands beside it, which may take one more."""

_LINE_IN_PART = 160
_TEXT_IN_PART = 300


class Told(NamedTuple):
    """A proposal in words that are safe to show: before the diff, the diff by fields, after it."""

    head: list[str]
    diff: list[str]
    tail: list[str]

    def whole(self) -> list[Block]:
        return sections([*self.head, *fenced(self.diff), *self.tail])

    def in_part(self) -> list[Block]:
        """At most two sections, the first of which says how much is missing."""
        shown = [cut(line, _LINE_IN_PART) for line in self.diff[:FIELDS_ON_A_CARD]]
        missing = sum(line not in shown for line in self.diff)
        said = f"{missing} of {len(self.diff)} changed fields are" if missing else "Some of the text is"
        warning = f":warning: *Not all of it is here*  {said} left out or cut. *Review…* shows all of it."
        rest = [cut(text, _TEXT_IN_PART) for text in (*self.head, *self.tail)]
        count = len(self.head)
        return [*sections([warning, *rest[:count], *fenced(shown)]), *sections(rest[count:])]


def proposal_blocks(proposal: CardProposal, approval: CardApproval | None, redact: Redact) -> list[Block]:
    who = approval and f"{approval.who_may} · expires {approval.expires_at:%H:%M} UTC"
    shown = told(proposal, who, Show(redact))
    return shown.whole() if _fits_a_card(proposal, redact) else shown.in_part()


def whole_on_card(request: ApprovalRequest, redact: Redact) -> bool:
    """Whether a card shows all of what an approval would do."""
    return _fits_a_card(card_proposal("action", request.proposal), redact)


def decision_buttons(proposal: CardProposal, approval: CardApproval, incident_id: str, redact: Redact) -> Block:
    whole = _fits_a_card(proposal, redact)
    label, action = ("Approve", ActionId.APPROVE) if whole else ("Review…", ActionId.REVIEW)
    return {
        "type": "actions",
        "block_id": BlockId.DECISION,
        "elements": [
            button(label, action, approval.id, style="primary"),
            button("Reject…", ActionId.REJECT, approval.id, style="danger"),
            button("Edit…", ActionId.EDIT, approval.id),
            button("Details", ActionId.DETAILS, incident_id),
        ],
    }


def review_modal(request: ApprovalRequest, redact: Redact, *, channel: str) -> Block | None:
    """All of the proposal, with Approve below it; None where Slack takes no form of that size."""
    who = f"{request.approvers_needed} · expires {request.expires_at:%H:%M} UTC"
    view: Block = {
        "type": "modal",
        "callback_id": CallbackId.REVIEW,
        "private_metadata": json.dumps({"approval": request.id, "channel": channel}),
        "title": {"type": "plain_text", "text": "Review the action"},
        "submit": {"type": "plain_text", "text": "Approve"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": told(card_proposal("action", request.proposal), who, Show(redact)).whole(),
    }
    return view if fits_a_view(view) else None


def reviewed(view: Block) -> tuple[str, str]:
    """(approval id, channel id) of a submitted review."""
    metadata = json.loads(view["private_metadata"])
    return str(metadata["approval"]), str(metadata["channel"])


def fits_a_view(view: Block) -> bool:
    return len(view["blocks"]) <= BLOCKS_PER_VIEW and len(json.dumps(view)) <= VIEW_BYTES


def _fits_a_card(proposal: CardProposal, redact: Redact) -> bool:
    """By what an approval would do alone, so that the card, its buttons and whoever is asked after a press say the
    same: not by who may decide or until when, nor by what it is called."""
    shown = told(proposal.model_copy(update={"purpose": "action"}), None, Show(redact))
    if len(shown.diff) > FIELDS_ON_A_CARD or sum(len(line) + 1 for line in shown.diff) > SECTION_TEXT - 6:
        return False
    return len(shown.whole()) <= SECTIONS_ON_A_CARD


def told(proposal: CardProposal, who: str | None, show: Show) -> Told:
    """`who` may decide it, or what else stands beside its digest."""
    word = "Proposed undo" if proposal.purpose == "compensation" else "Proposed"
    head = [f"*{word}*  {show.text(proposal.summary)}  _{proposal.tier}_"]
    if proposal.by_person:
        head.append(f"*By*  {show.text(f'{proposal.by_person}: {proposal.rationale}')}")
    tail = [
        f"*Reaches*  {show.text(reach(proposal.blast_radius))}",
        f"*Expected*  {show.text(proposal.expected_effect)}",
    ]
    if proposal.verified_by:
        tail.append(f"*Verified by*  {show.text('; '.join(proposal.verified_by))}")
    tail.append(f"*Undo*  {show.text(proposal.undo) if proposal.undo else 'none: this cannot be undone'}")
    if proposal.monthly_saving_usd is not None:
        tail.append(f"*Saves*  about ${proposal.monthly_saving_usd:,.0f} a month")
    if who is not None:
        tail.append(f"*Approval*  {show.text(who)} · digest `{proposal.digest_short}`")
    return Told(head, [show.text(line) for line in proposal.diff], tail)
