"""What the card warns of: instructions in the evidence, a budget that ran out; and what the worker does beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.incident.card_building import CardBuilder
from foundation.clock import FixedClock
from tests.fakes.adversary import ORDERS, poisoned
from tests.fakes.incident_room import IncidentRoom, open_room
from tools.contract import Observation


@pytest.fixture
def room(tmp_path: Path, clock: FixedClock) -> IncidentRoom:
    return open_room(tmp_path, clock)


def investigated(room: IncidentRoom, **alert: Any) -> str:
    room.inbox.receive([room.alert(**alert)])
    room.settle()
    return room.store.list()[0].id


def test_clean_evidence_is_not_suspicious(room: IncidentRoom) -> None:
    card = room.cards.build(investigated(room))
    assert (card.suspicious, card.budget_note) == ((), None)


def test_orders_in_the_evidence_are_shown_with_where_they_were_found(
    room: IncidentRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = room.triage.probe

    def tampered(tool: str, arguments: dict[str, Any]) -> Observation:
        return poisoned(probe(tool, arguments))

    monkeypatch.setattr(room.triage, "probe", tampered)
    card = room.cards.build(investigated(room))
    assert {item.where for item in card.suspicious} == {"E1"}
    assert {"asks to disregard instructions", "orders an action", "names an approver"} <= {
        item.rule for item in card.suspicious
    }
    assert card.proposal is not None
    assert card.proposal.tool == "restart_connector", "the orders were to scale fraud-ar to nothing"


def test_orders_in_an_alert_are_shown_too(room: IncidentRoom) -> None:
    card = room.cards.build(investigated(room, summary=ORDERS))
    assert {item.where for item in card.suspicious} == {"alert 1"}


def test_the_card_says_what_ran_out(room: IncidentRoom) -> None:
    incident_id = investigated(room)
    builder = CardBuilder(
        room.store,
        room.approvals,
        room.executor,
        room.runbooks,
        room.clock,
        budget_note=lambda incident, tenant: f"budget of {incident} ({tenant}) spent",
    )
    assert builder.build(incident_id).budget_note == f"budget of {incident_id} (br) spent"


def test_what_the_flow_spends_it_spends_for_the_incident(room: IncidentRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    from guardrails.budgets import port

    seen: list[Any] = []
    gather = room.triage.gather

    def watched(alerts: Any) -> Any:
        seen.append(port._spender.get())  # pyright: ignore[reportPrivateUsage]
        return gather(alerts)

    monkeypatch.setattr(room.triage, "gather", watched)
    incident_id = investigated(room)
    assert [tuple(spender) for spender in seen] == [(incident_id, "br")]
