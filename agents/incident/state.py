"""What a LangGraph thread carries from step to step: ids and small values, never what a tool returned."""

from __future__ import annotations

from typing import TypedDict

from agents.incident.types import ProposalPurpose


class Watch(TypedDict):
    """A verification that is under way: looked at `attempts` times since `began_wall` (seconds since the epoch), to be
    given up at `until` (ISO 8601, on the platform's clock)."""

    until: str
    began_wall: float
    attempts: int


class FlowState(TypedDict):
    incident_id: str
    round: int
    purpose: ProposalPurpose
    approval_id: str | None
    execution_id: str | None
    ending: str | None
    """The outcome, once it is known; the flow then only has to record it."""

    again: bool
    """The target moved: investigate and propose anew."""

    watch: Watch | None
    """Set while the post-conditions do not hold yet."""


class Change(TypedDict, total=False):
    """The part of the state that a step changes."""

    round: int
    purpose: ProposalPurpose
    approval_id: str | None
    execution_id: str | None
    ending: str | None
    again: bool
    watch: Watch | None


def first_state(incident_id: str, round_number: int) -> FlowState:
    return FlowState(
        incident_id=incident_id,
        round=round_number,
        purpose="action",
        approval_id=None,
        execution_id=None,
        ending=None,
        again=False,
        watch=None,
    )
