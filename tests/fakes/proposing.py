"""An incident room in which a proposal waits, and the desk at which people propose and edit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from agents.incident.proposing import ProposalDesk, Proposed
from foundation.outside_text import unredacted
from guardrails.approvals.service import ApprovalService
from guardrails.policy.policy import Policy
from platform_core.access.principals import Principal
from tests.fakes.guarded import person
from tests.fakes.incident_room import ALICE, IncidentRoom
from tests.fakes.lineage import small_lineage

BOB = person("bob", "responder", tenants=frozenset({"br"}))
DORA = person("dora", "viewer", tenants=frozenset({"br"}))
EVE = person("eve", "oncall", tenants=frozenset({"ar"}))
PEOPLE = {p.id: p for p in (ALICE, BOB, DORA, EVE)}


class Restarts:
    """The arguments of `restart_connector` as its form declares them."""

    @classmethod
    def typed(cls, arguments: Any) -> dict[str, Any]:
        return {name: int(value) if name == "restarts" else value for name, value in arguments.items()}


class Asked:
    """A room in which the agent's proposal waits, and the desk for people."""

    def __init__(self, room: IncidentRoom) -> None:
        self.room = room
        self.approvals = ApprovalService(
            room.engine, room.clock, room.audit, Policy.load(None),
            expires_after=timedelta(minutes=30), people=lambda who: PEOPLE[who],
        )  # fmt: skip
        lineage = small_lineage()
        self.desk = ProposalDesk(
            room.store, self.approvals, lambda _person: {room.action.name: room.action}, {room.action.name: Restarts},
            lambda: lineage, clock=room.clock, redact=unredacted,
        )  # fmt: skip

    @property
    def waiting(self) -> str:
        (request,) = self.approvals.pending()
        return request.id

    def edit(self, who: Principal = BOB, **more: Any) -> Proposed:
        changes = more.pop("changes", {"restarts": "5"})
        return self.desk.revise(self.waiting, who, changes, reason="five times is known to help", channel="cli", **more)

    def propose(self, who: Principal = BOB, tool: str = "restart_connector", **more: Any) -> Proposed:
        values = {"source": "payments_br"} | more.pop("arguments", {})
        return self.desk.propose("INC-0001", who, tool, values, reason="it helped last week", channel="cli", **more)

    def approve(self) -> None:
        self.approvals.decide(self.waiting, ALICE, "approve", channel="cli")
        self.room.settle()

    @property
    def told(self) -> list[str]:
        return [event.text for event in self.room.store.timeline(self.room.store.list()[0].id)]
