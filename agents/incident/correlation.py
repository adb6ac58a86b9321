"""From alerts to incidents: a storm of a thousand alerts is a handful of incidents."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from agents.incident.grouping import Sign, belongs, cluster, sign_of
from agents.incident.looks import UNDECIDED, investigate_again
from agents.incident.repositories import alerts as alert_rows
from agents.incident.repositories import incidents as incident_rows
from agents.incident.repositories import leases as lease_rows
from agents.incident.repositories import timeline as timeline_rows
from agents.incident.types import Incident, StoredAlert, TimelineEvent
from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.ids import new_id
from foundation.telemetry import metrics
from platform_core.access.principals import Environment
from platform_core.catalog.lineage import Lineage
from platform_core.monitoring.alert import Severity

ACTOR = "agent:incident"
_RANK: dict[Severity, int] = {"info": 0, "warning": 1, "critical": 2}
_OPEN_TO_EVIDENCE = ("open", "investigating", "awaiting_approval")
_ONE_CORRELATOR = 0x5649_4749_4101
"""Key of the PostgreSQL advisory lock that keeps two workers from opening two incidents for one storm."""


@dataclass(frozen=True)
class CorrelationRules:
    """Durations on the platform's clock."""

    window: timedelta = timedelta(minutes=10)
    """Alerts that began within this of each other may open one incident together."""

    open_for: timedelta = timedelta(hours=6)
    """How long after its last alert an unresolved incident takes in more."""

    cooldown: timedelta = timedelta(minutes=30)
    """How long a mitigated incident takes in echoes instead of paging again."""

    max_rounds: int = 5
    """Investigations of one incident; beyond them it is a person's."""

    settle: timedelta = timedelta(seconds=30)
    """How long alerts that join an incident before the decision are collected before it is looked at again."""

    max_looks: int = 3
    """How often an incident is looked at again before its decision; a person cannot read a card that never rests."""


class Correlator:
    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        lineage: Callable[[], Lineage],
        *,
        rules: CorrelationRules | None = None,
        environment: Environment = "production",
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._lineage = lineage
        self._rules = rules or CorrelationRules()
        self._environment: Environment = environment
        self._wall = wall

    def correlate(self, limit: int = 1000) -> int:
        """Give every pending alert its incident, in one transaction; returns how many alerts it placed."""
        with reading(self._engine) as connection:
            if not alert_rows.pending(connection, 1):
                return 0
        with transaction(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_CORRELATOR)))
            pending = alert_rows.pending(connection, limit)
            opened = self._place(connection, pending) if pending else 0
        metrics.incidents.labels("open").inc(opened)
        return len(pending)

    def _place(self, connection: Connection, pending: list[StoredAlert]) -> int:
        """How many incidents it opened."""
        lineage, now = self._lineage(), self._clock.now()
        signed = [(sign_of(stored.alert, lineage), stored) for stored in pending]
        open_ones = [
            (incident, [sign_of(s.alert, lineage) for s in alert_rows.of_incident(connection, incident.id)])
            for incident in incident_rows.joinable(
                connection,
                last_alert_since=now - self._rules.open_for,
                mitigated_since=now - self._rules.cooldown,
            )
        ]
        groups = cluster(((sign, stored.effective_at) for sign, stored in signed), lineage, self._rules.window)
        opened: list[AuditRecord] = []
        for group in groups:
            members = [stored for sign, stored in signed if sign in group]
            home = next(((i, known) for i, known in open_ones if belongs(group, known, lineage)), None)
            if home is None:
                opened.append(self._open(connection, members, group, now))
            else:
                opened.append(self._join(connection, home, members, group, now))
        # Last, because appends queue on one another and whoever holds the queue must not wait for a row.
        for record in opened:
            self._audit.append(record, connection=connection)
        return len(opened)

    def _open(self, connection: Connection, members: list[StoredAlert], group: set[Sign], now: datetime) -> AuditRecord:
        worst = max(members, key=lambda stored: _RANK[stored.alert.severity])
        incident = Incident(
            id=new_id("inc"),
            number=incident_rows.next_number(connection),
            title=f"{worst.alert.kind.replace('_', ' ')} on {_name(worst.alert.subject)}",
            status="open",
            severity=worst.alert.severity,
            environment=self._environment,
            tenant=_common_tenant(group),
            subjects=tuple(dict.fromkeys(stored.alert.subject for stored in members)),
            opened_at=now,
            updated_at=now,
        )
        incident_rows.add(connection, incident)
        for stored in members:
            alert_rows.join(connection, incident.id, stored, now)
        lease_rows.add(connection, incident.id)
        text = self._tell(connection, incident, members, "incident.opened", f"{incident.label} opened by")
        return _record("incident.opened", incident, members, text)

    def _join(
        self,
        connection: Connection,
        home: tuple[Incident, list[Sign]],
        members: list[StoredAlert],
        group: set[Sign],
        now: datetime,
    ) -> AuditRecord:
        incident, known = home
        severities: list[Severity] = [incident.severity, *(stored.alert.severity for stored in members)]
        wider = incident.model_copy(
            update={
                "subjects": tuple(dict.fromkeys([*incident.subjects, *(s.alert.subject for s in members)])),
                "severity": max(severities, key=lambda severity: _RANK[severity]),
                "tenant": incident.tenant if _common_tenant({*known, *group}) == incident.tenant else None,
                "updated_at": now,
            }
        )
        for stored in members:
            alert_rows.join(connection, incident.id, stored, now)
        incident_rows.absorb(connection, wider, last_alert_at=now)
        text = self._tell(connection, wider, members, "alert.joined", "joined by")
        if group - set(known):
            self._look_again(connection, incident, now)
        return _record("alert.joined", wider, members, text)

    def _look_again(self, connection: Connection, incident: Incident, now: datetime) -> None:
        """A new kind of sign may settle what the evidence could not, or wake somebody whom the first did not."""
        if incident.outcome in UNDECIDED:
            investigate_again(connection, incident, now, max_rounds=self._rules.max_rounds)
        elif incident.outcome is None and incident.status in _OPEN_TO_EVIDENCE:
            # Never after a decision: what people decided on is what is done.
            at = self._wall() + self._rules.settle.total_seconds() / self._clock.speed
            lease_rows.ask_to_look_again(connection, incident.id, at=at)

    def _tell(
        self, connection: Connection, incident: Incident, members: list[StoredAlert], kind: str, verb: str
    ) -> str:
        counts = Counter(f"{stored.alert.kind} on {_name(stored.alert.subject)}" for stored in members)
        named = [f"{what} ({times}x)" if times > 1 else what for what, times in counts.most_common(5)]
        more = f" and {len(counts) - 5} more kinds" if len(counts) > 5 else ""
        event = TimelineEvent(
            incident_id=incident.id,
            at=incident.updated_at,
            kind=kind,
            actor=ACTOR,
            text=f"{verb} {len(members)} alert{'s' if len(members) > 1 else ''}: {', '.join(named)}{more}",
            details={"alerts": [stored.id for stored in members[:50]], "count": len(members)},
        )
        timeline_rows.tell(connection, event, key=f"{kind}:{members[0].id}")
        return event.text


def _record(action: str, incident: Incident, members: list[StoredAlert], text: str) -> AuditRecord:
    """The incident as it is now, so that it can be told from the log alone."""
    return AuditRecord(
        action=action,
        actor=ACTOR,
        subject=incident.id,
        tenant=incident.tenant,
        incident_id=incident.id,
        payload={
            "label": incident.label,
            "title": incident.title,
            "severity": incident.severity,
            "environment": incident.environment,
            "alerts": [stored.id for stored in members],
            "subjects": list(incident.subjects),
            "text": text,
        },
    )


def _common_tenant(signs: set[Sign]) -> str | None:
    tenants = {sign.tenant for sign in signs}
    return tenants.pop() if len(tenants) == 1 else None


def _name(subject: str) -> str:
    parts = subject.split(":", 3)
    return parts[3] if len(parts) == 4 else subject
