"""The modals: a reason for a rejection, and the evidence in full."""

from __future__ import annotations

import json
from typing import Any

from foundation.reasons import LONGEST_REASON
from interfaces.slack.ids import BlockId, CallbackId
from interfaces.slack.limits import cut
from interfaces.slack.texts import Block

_REASON_INPUT = "reason"


class _RejectModal:
    """Built when Reject… is pressed, read when it is submitted. `private_metadata` carries the approval's opaque id
    and the channel to answer in."""

    def __call__(self, request_id: str, *, channel: str) -> dict[str, Any]:
        return {
            "type": "modal",
            "callback_id": CallbackId.REJECT,
            "private_metadata": json.dumps({"approval": request_id, "channel": channel}),
            "title": {"type": "plain_text", "text": "Reject the action"},
            "submit": {"type": "plain_text", "text": "Reject"},
            "close": {"type": "plain_text", "text": "Back"},
            "blocks": [
                {
                    "type": "input",
                    "block_id": BlockId.REASON,
                    "label": {"type": "plain_text", "text": "Why not? It goes to the timeline and the audit log."},
                    "element": {
                        "type": "plain_text_input",
                        "action_id": _REASON_INPUT,
                        "multiline": True,
                        "max_length": LONGEST_REASON,
                    },
                }
            ],
        }

    def read(self, view: dict[str, Any]) -> tuple[str, str, str]:
        """(approval id, channel id, reason) of a submitted view."""
        metadata = json.loads(view["private_metadata"])
        reason = view["state"]["values"][BlockId.REASON][_REASON_INPUT]["value"]
        return str(metadata["approval"]), str(metadata["channel"]), str(reason or "").strip()


reject_modal = _RejectModal()


def details_modal(label: str, blocks: list[Block]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": CallbackId.DETAILS,
        "title": {"type": "plain_text", "text": cut(f"{label} evidence", 24)},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks or [{"type": "section", "text": {"type": "plain_text", "text": "No evidence yet."}}],
    }
