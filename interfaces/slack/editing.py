"""Edit… in Slack: a form with the arguments, then the diff it comes to, then the question to somebody else.

The forms carry the approval's opaque id, what was typed, and the digest of the diff that was shown; what is asked for
is planned anew and refused when it is not that diff.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import Field

from agents.incident.proposing import Proposed
from foundation.errors import VigiaError
from foundation.frozen import Frozen
from foundation.reasons import LONGEST_REASON
from guardrails.approvals.types import ApprovalRequest
from guardrails.proposal import ActionProposal
from interfaces.card_words import reach
from interfaces.slack.decision import fits_a_view
from interfaces.slack.ids import BlockId, CallbackId
from interfaces.slack.limits import cut, escape
from interfaces.slack.texts import Block, Show, fenced, sections

LONGEST_VALUE = 300
_LONGEST_METADATA = 3000
_VALUE = "value"


class Edit(Frozen):
    """What the forms carry from one to the next."""

    approval: str
    channel: str
    changes: dict[str, Any] = Field(default_factory=dict)
    reason: str = ""
    digest: str | None = None


def edit_modal(request: ApprovalRequest, fields: list[str], redact: Callable[[str], str], *, channel: str) -> Block:
    """A field for each argument the action takes, as they are now. One that may not be shown as it is starts empty:
    left so it stays what it is."""
    proposal = request.proposal
    names = list(dict.fromkeys((*proposal.arguments, *fields)))
    return {
        "type": "modal",
        "callback_id": CallbackId.EDIT,
        "private_metadata": Edit(approval=request.id, channel=channel).model_dump_json(),
        "title": {"type": "plain_text", "text": "Edit the proposal"},
        "submit": {"type": "plain_text", "text": "Show the change"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": [
            *sections([f"*{escape(proposal.tool)}*  {escape(redact(proposal.plan.summary))}"]),
            *(_input(f"{BlockId.ARGUMENT}:{n}", n, _shown(proposal, n, redact), LONGEST_VALUE) for n in names),
            _input(BlockId.REASON, "Why? Those who approve it read this.", "", LONGEST_REASON, needed=True),
        ],
    }


def read_edit(view: Mapping[str, Any], request: ApprovalRequest, redact: Callable[[str], str]) -> Edit:
    """What was typed into the form: only what differs from what was shown; an argument that was emptied is None.
    The reason is redacted: Slack keeps what the forms carry."""
    before = request.proposal.arguments
    changes: dict[str, Any] = {}
    reason = ""
    for block, inputs in cast("dict[str, Any]", view["state"]["values"]).items():
        typed = str(inputs[_VALUE].get("value") or "").strip()
        if block == BlockId.REASON:
            reason = redact(typed)
        elif (name := block.partition(":")[2]) and typed not in (
            _text(before.get(name)),
            _shown(request.proposal, name, redact),
        ):
            changes[name] = typed or None
    return metadata(view).model_copy(update={"changes": changes, "reason": reason})


def metadata(view: Mapping[str, Any]) -> Edit:
    return Edit.model_validate_json(view["private_metadata"])


def ask_modal(edit: Edit, made: Proposed, redact: Callable[[str], str]) -> Block:
    """The diff, and the question whether to ask for it."""
    proposal = made.proposal
    changes = proposal.plan.changes
    show = Show(redact)
    texts = (
        f"*Would now*  {show.text(proposal.plan.summary)}",
        *fenced(show.text(change.line) for change in changes),
        f"*Reaches*  {show.text(reach(proposal.blast_radius))}",
        f"*Undo*  {show.text(proposal.compensation.summary) if proposal.compensation else 'none'}",
        f"*Why*  {show.text(proposal.rationale)}",
        "What waits now is closed, its approvals with it. Somebody else approves this; you cannot.",
    )
    return {
        "type": "modal",
        "callback_id": CallbackId.ASK,
        "private_metadata": edit.model_copy(update={"digest": proposal.digest}).model_dump_json(),
        "title": {"type": "plain_text", "text": "Ask for this instead?"},
        "submit": {"type": "plain_text", "text": "Ask for approval"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": sections(texts),
    }


def told_modal(text: str) -> Block:
    return {
        "type": "modal",
        "callback_id": CallbackId.DETAILS,
        "title": {"type": "plain_text", "text": "Nothing was asked"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": sections([escape(text)]),
    }


def refused_at(error: VigiaError, redact: Callable[[str], str]) -> dict[str, str]:
    """Shown below the reason: the one field that every form has."""
    return {BlockId.REASON: cut(redact(str(error)), 300)}


def storable(edit: Edit, redact: Callable[[str], str]) -> bool:
    """Whether the form may carry what was typed: it is kept by Slack, and asked for as it was typed."""
    return all(redact(text) == text for text in map(_text, edit.changes.values()))


def fits(view: Block) -> bool:
    """Whether Slack takes the form: it refuses more blocks, more bytes and longer metadata."""
    return len(view["private_metadata"]) <= _LONGEST_METADATA and fits_a_view(view)


def _input(block: str, label: str, value: str, longest: int, *, needed: bool = False) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": _VALUE, "max_length": longest, "multiline": needed}
    if value:
        element["initial_value"] = value
    return {
        "type": "input",
        "block_id": block,
        "optional": not needed,
        "label": {"type": "plain_text", "text": label},
        "element": element,
    }


def _shown(proposal: ActionProposal, name: str, redact: Callable[[str], str]) -> str:
    """As its field has it: nothing where it may not be shown or does not fit, for a field that cuts a value off would
    change it."""
    value = _text(proposal.arguments.get(name))
    fitting = len(value) <= LONGEST_VALUE and "\n" not in value
    return value if fitting and redact(value) == value else ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
