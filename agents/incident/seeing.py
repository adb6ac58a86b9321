"""What is left of an incident for somebody whom policy does not let see its proposal: the fault, not the remedy."""

from __future__ import annotations

from collections.abc import Iterable

from agents.incident.card import IncidentCard
from agents.incident.types import TimelineEvent

_TELLING = ("approval.", "proposal.", "action.", "compensation.", "runbook.")
_MOVES = {
    "incident.awaiting_approval": "waits for a decision",
    "incident.mitigating": "a decision is being carried out",
    "incident.held": "mitigated, not resolved",
}


def without_proposal(card: IncidentCard) -> IncidentCard:
    """The card without what is proposed and what came of it."""
    hidden = {"proposal": None, "approval": None, "execution": None, "verification": None, "status_line": card.status}
    return card.model_copy(update=hidden)


def without_proposals(events: Iterable[TimelineEvent]) -> list[TimelineEvent]:
    """The timeline without what was proposed, decided and done; that the incident moved on stays, in general words."""
    kept = (event for event in events if not event.kind.startswith(_TELLING))
    return [_plain(event) for event in kept]


def _plain(event: TimelineEvent) -> TimelineEvent:
    said = _MOVES.get(event.kind)
    return event if said is None else event.model_copy(update={"text": said, "details": {}})
