"""An incident told from the audit log alone: neither the incident's tables nor its timeline are read.

What the database says of an incident can be compared with it, and what it said can be shown when the database is gone:
an export of the log is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from audit.entry import AuditEntry
from foundation.errors import NotFound
from foundation.frozen import Frozen


class StoryLine(Frozen):
    """Entry `sequence`, in words. `kind` is that of the timeline where the entry tells of one."""

    sequence: int
    at: datetime
    kind: str
    actor: str
    text: str
    timeline: bool
    """Whether the incident's timeline has this line too."""


class IncidentStory(Frozen):
    """The incident as its entries leave it."""

    incident_id: str
    label: str
    title: str
    status: str
    severity: str
    environment: str
    tenant: str | None
    subjects: tuple[str, ...]
    opened_at: datetime
    outcome: str | None
    alerts: tuple[str, ...]
    lines: tuple[StoryLine, ...]


def tell_incident(entries: Iterable[AuditEntry], reference: str) -> IncidentStory:
    """The incident `reference` (`INC-0042`, `42` or its id) from a log's entries. Raises NotFound."""
    known = list(entries)
    opened = next((entry for entry in known if _is_it(entry, reference)), None)
    if opened is None or opened.record.incident_id is None:
        raise NotFound(f"the audit log tells of no incident {reference!r}", hint="vigia incidents list")
    incident_id = opened.record.incident_id
    members = {alert for entry in known if entry.record.incident_id == incident_id for alert in _alerts(entry)}
    mine = [entry for entry in known if entry.record.incident_id == incident_id or _tells_of(entry, members)]
    state: dict[str, Any] = {"status": "open", "outcome": None}
    for entry in mine:
        state |= _changes(entry)
    joined = [alert for entry in mine for alert in _alerts(entry)]
    return IncidentStory(
        incident_id=incident_id,
        opened_at=opened.recorded_at,
        alerts=tuple(dict.fromkeys(joined)),
        lines=tuple(_line(entry) for entry in mine),
        **state,
    )


def _is_it(entry: AuditEntry, reference: str) -> bool:
    if entry.record.action != "incident.opened":
        return False
    label = str(entry.record.payload.get("label", ""))
    wanted = f"INC-{int(reference):04d}" if reference.isdecimal() and len(reference) < 10 else reference.upper()
    return entry.record.incident_id == reference or label == wanted


def _tells_of(entry: AuditEntry, members: set[str]) -> bool:
    """Alerts are received before they belong to an incident."""
    record = entry.record
    return record.incident_id is None and record.action == "alert.received" and record.payload["alert_id"] in members


def _alerts(entry: AuditEntry) -> list[str]:
    opens = entry.record.action in ("incident.opened", "alert.joined")
    return list(entry.record.payload["alerts"]) if opens else []


def _changes(entry: AuditEntry) -> dict[str, Any]:
    """What the entry says the incident is from now on."""
    action, payload = entry.record.action, entry.record.payload
    if action in ("incident.opened", "alert.joined"):
        told = {name: payload[name] for name in ("label", "severity", "environment")}
        first = {"title": payload["title"]} if action == "incident.opened" else {}
        return told | first | {"tenant": entry.record.tenant, "subjects": tuple(payload["subjects"])}
    if action.startswith("incident.") and "from" in payload:
        to = {"status": action.removeprefix("incident.")}
        return to if payload["outcome"] is None else to | {"outcome": payload["outcome"]}
    if action == "diagnosis.made" and payload["title"] is not None:
        return {"title": payload["title"]}
    return {}


def _line(entry: AuditEntry) -> StoryLine:
    record = entry.record
    text = record.payload.get("text")
    return StoryLine(
        sequence=entry.sequence,
        at=entry.recorded_at,
        kind=str(record.payload.get("kind", record.action)) if record.action == "incident.noted" else record.action,
        actor=record.actor,
        text=str(text) if text is not None else _words(record.action, record.subject, record.payload),
        timeline=text is not None,
    )


def _words(action: str, subject: str, payload: dict[str, Any]) -> str:
    """Entries that have no sentence of their own: what they are about, and their short values."""
    if action == "tool.called":
        arguments = ", ".join(f"{name}={value}" for name, value in payload["arguments"].items())
        known = payload.get("evidence_id")
        return f"{f'[{known}] ' if known else ''}{payload['tool']}({arguments}): {payload['status']}"
    if action in ("alert.received", "alert.resolved"):
        return f"{payload['kind']} ({payload['severity']}) on {subject}, from {payload['source']}"
    if action == "model.called":
        cost = "" if payload.get("cost_usd") is None else f", {payload['cost_usd']:.4f} USD"
        return f"{subject} {payload['outcome']}: {payload['input_tokens']}+{payload['output_tokens']} tokens{cost}"
    short = {
        name: value
        for name, value in payload.items()
        if isinstance(value, str | int | float | list) and value != [] and "sha256" not in name and name != "digest"
    }
    return f"{subject}: " + ", ".join(f"{name} {value}" for name, value in short.items())
