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

    looking: bool
    """More alerts joined while people decide: this round only looks whether they change anything."""

    looks: int
    """How often that was done."""

    proposed_in: int | None
    """The round whose proposal is waited for, when it is not this one."""

    edited: bool
    """A person put another proposal in the place of the one that was waited for."""


class Change(TypedDict, total=False):
    """The part of the state that a step changes."""

    round: int
    purpose: ProposalPurpose
    approval_id: str | None
    execution_id: str | None
    ending: str | None
    again: bool
    watch: Watch | None
    looking: bool
    looks: int
    proposed_in: int | None
    edited: bool


def proposed_in(state: FlowState) -> int:
    """The round of the proposal that the flow is about. `.get`: threads begun by an earlier version lack the key."""
    return state.get("proposed_in") or state["round"]


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
        looking=False,
        looks=0,
        proposed_in=None,
        edited=False,
    )
