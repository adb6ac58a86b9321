"""Ends what is over, and looks again at what came back."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from agents.incident.correlation import CorrelationRules
from agents.incident.repositories import alerts as alert_rows
from agents.incident.repositories import incidents as incident_rows
from agents.incident.repositories import leases as lease_rows
from agents.incident.store import IncidentStore
from agents.incident.types import Incident
from foundation.clock import Clock
from foundation.database import reading, transaction


class Closer:
    """Resolves a mitigated incident after its cooldown, and one that waits for a person when all its alerts ended.
    A mitigated incident that alerts joined which still fire is investigated again instead."""

    def __init__(self, engine: Engine, clock: Clock, store: IncidentStore, rules: CorrelationRules) -> None:
        self._engine = engine
        self._clock = clock
        self._store = store
        self._rules = rules

    def step(self) -> int:
        """How many incidents it moved."""
        with reading(self._engine) as connection:
            idle = set(lease_rows.idle(connection))
        candidates = self._store.list(statuses=("mitigated", "investigating")) if idle else []
        return sum(self._look(incident) for incident in candidates if incident.id in idle)

    def _look(self, incident: Incident) -> bool:
        with reading(self._engine) as connection:
            since = incident_rows.mitigated_at(connection, incident.id)
            round_number = incident_rows.round_of(connection, incident.id)
            firing = alert_rows.firing(connection, incident.id)
            came_back = alert_rows.firing(connection, incident.id, joined_after=since) if since else 0
        if incident.status == "mitigated":
            if since is None or self._clock.now() < since + self._rules.cooldown:
                return False
            if came_back and round_number < self._rules.max_rounds:
                self._again(incident, round_number, came_back)
                return True
            text = "stayed mitigated through its cooldown"
        elif incident.outcome is None or firing:
            return False
        else:
            text = "all its alerts have ended"
        self._store.transition(
            incident.id, "resolved", key=f"resolved:{round_number}", text=text, outcome=incident.outcome
        )
        return True

    def _again(self, incident: Incident, finished: int, firing: int) -> None:
        text = f"{firing} alerts that came after the mitigation still fire"
        self._store.tell(incident.id, "incident.recurred", text, key=f"recurred:{finished}")
        with transaction(self._engine) as connection:
            incident_rows.advance_round(connection, incident.id, finished=finished)
            lease_rows.wake(connection, incident.id)
