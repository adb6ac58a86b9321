"""The identifiers that travel through Slack and come back, in one place."""

from __future__ import annotations

from enum import StrEnum


class ActionId(StrEnum):
    """`action_id` of a button. Its `value` is an opaque approval or incident id and nothing else."""

    APPROVE = "vigia_approve"
    REJECT = "vigia_reject"
    DETAILS = "vigia_details"
    RIGHT_CAUSE = "vigia_right_cause"
    WRONG_CAUSE = "vigia_wrong_cause"


class CallbackId(StrEnum):
    """`callback_id` of a modal."""

    REJECT = "vigia_reject_modal"
    DETAILS = "vigia_details_modal"


class BlockId(StrEnum):
    DECISION = "vigia_decision"
    REASON = "vigia_reason"
    FEEDBACK = "vigia_feedback"
