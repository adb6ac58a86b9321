"""The identifiers that travel through Slack and come back, in one place."""

from __future__ import annotations

from enum import StrEnum


class ActionId(StrEnum):
    """`action_id` of a button. Its `value` is an opaque approval or incident id and nothing else."""

    APPROVE = "vigia_approve_whole"
    APPROVE_OF_A_PART = "vigia_approve"
    """Of cards from before they said what they leave out; such a press is a *Review…*."""

    REVIEW = "vigia_review"
    ALIKE = "vigia_alike"
    REJECT = "vigia_reject"
    DETAILS = "vigia_details"
    EDIT = "vigia_edit"
    RIGHT_CAUSE = "vigia_right_cause"
    WRONG_CAUSE = "vigia_wrong_cause"


class CallbackId(StrEnum):
    """`callback_id` of a modal."""

    REVIEW = "vigia_review_modal"
    ALIKE = "vigia_alike_modal"
    REJECT = "vigia_reject_modal"
    DETAILS = "vigia_details_modal"
    EDIT = "vigia_edit_modal"
    ASK = "vigia_ask_modal"


class BlockId(StrEnum):
    DECISION = "vigia_decision"
    REASON = "vigia_reason"
    VERDICT = "vigia_verdict"
    ARGUMENT = "vigia_argument"
    FEEDBACK = "vigia_feedback"
