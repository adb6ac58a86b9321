"""Ends what is over, looks again at what came back, and reminds of what was only put on hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.engine import Engine

from agents.incident.correlation import CorrelationRules
from agents.incident.looks import UNDECIDED, investigate_again
from agents.incident.ports import Triage
from agents.incident.repositories import alerts as alert_rows
from agents.incident.repositories import incidents as incident_rows
from agents.incident.repositories import leases as lease_rows
from agents.incident.store import IncidentStore
from agents.incident.types import Incident
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, VigiaError
from foundation.telemetry.logs import get_logger
from guardrails.proposal import ActionProposal

log = get_logger(__name__)
REMIND_EVERY = timedelta(hours=6)

TEMPORARY: Mapping[str, str] = {
    "quarantine_source": "{source} is still quarantined",
    "cancel_job": "{job} is still cancelled",
}
"""Actions that hold something back until a person undoes them, and how to say so; the names are their arguments."""


class Closer:
    """Resolves a mitigated incident after its cooldown, and one that waits for a person when all its alerts ended.

    Mitigated is not mended: while its alerts still fire, or a temporary action of its is still in force, an incident
    stays mitigated, and says so on its timeline every six hours. One that alerts joined after the mitigation and that
    still fire is investigated again.
    """

    def __init__(  # noqa: PLR0917  # the ports, then the rules
        self,
        engine: Engine,
        clock: Clock,
        store: IncidentStore,
        triage: Triage,
        rules: CorrelationRules,
        temporary: Mapping[str, str] = TEMPORARY,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._store = store
        self._triage = triage
        self._rules = rules
        self._temporary = temporary

    def step(self) -> int:
        """How many incidents it moved. One that cannot be looked at is logged, and looked at again next time."""
        with reading(self._engine) as connection:
            idle = incident_rows.idle(connection)
        return sum(self._looked_at(incident) for incident in idle)

    def _looked_at(self, incident: Incident) -> bool:
        try:
            return self._look(incident)
        except Exception as error:  # one incident must not stop the others
            log.exception("not closed", incident_id=incident.id, error=str(error))
            return False

    def _look(self, incident: Incident) -> bool:
        if incident.outcome in UNDECIDED and self._unseen(incident):
            return True
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
            held = self._held(incident)
            if firing or held:
                self._remind(incident, round_number, since, firing, held)
                return False
            text = "stayed mitigated through its cooldown, and all its alerts have ended"
        elif incident.outcome is None or firing:
            return False
        else:
            text = "all its alerts have ended"
        self._store.transition(
            incident.id, "resolved", key=f"resolved:{round_number}", text=text, outcome=incident.outcome
        )
        return True

    def _unseen(self, incident: Incident) -> bool:
        """Look at what joined while the last round was being recorded: it came too late for the one, and too early to
        begin the next."""
        with reading(self._engine) as connection:
            asked = lease_rows.asked_to_look_again(connection, incident.id)
        if asked is None:
            return False
        with transaction(self._engine) as connection:
            return investigate_again(connection, incident, self._clock.now(), max_rounds=self._rules.max_rounds)

    def _held(self, incident: Incident) -> str | None:
        """What the incident's action still holds back, in words."""
        newest = self._store.newest_proposal(incident.id)
        if newest is None or newest[0] != "action" or newest[1].tool not in self._temporary:
            return None
        proposal = newest[1]
        said = self._temporary[proposal.tool].format_map(proposal.arguments)
        undo = f" ({proposal.compensation.tool} ends that)" if proposal.compensation else ""
        return said + undo if self._in_force(proposal) else None

    def _in_force(self, proposal: ActionProposal) -> bool:
        """An action is in force while its undo would change something; one that cannot be asked about may be."""
        try:
            return self._triage.compensate(proposal) is not None
        except Conflict:
            return False
        except VigiaError:
            return True

    def _remind(self, incident: Incident, round_number: int, since: datetime, firing: int, held: str | None) -> None:
        still = [f"{firing} of its alerts still fire"] if firing else []
        still += [held] if held else []
        times = (self._clock.now() - since - self._rules.cooldown) // REMIND_EVERY
        text = "mitigated, not resolved: " + "; ".join(still)
        self._store.tell(incident.id, "incident.held", text, key=f"held:{round_number}:{times}")

    def _again(self, incident: Incident, finished: int, firing: int) -> None:
        text = f"{firing} alerts that came after the mitigation still fire"
        self._store.tell(incident.id, "incident.recurred", text, key=f"recurred:{finished}")
        with transaction(self._engine) as connection:
            incident_rows.advance_round(connection, incident.id, finished=finished)
            lease_rows.wake(connection, incident.id)
