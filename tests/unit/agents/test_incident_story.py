"""An incident told from the log alone is the incident that is stored; every kind of entry is what it says it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agents.incident.feedback import FeedbackDesk
from agents.incident.story import IncidentStory, tell_incident
from agents.llm.port import ModelCall
from audit.export import export_log, read_entries
from audit.kinds import KINDS
from foundation.clock import FixedClock
from foundation.errors import NotFound
from interfaces.bootstrap.language import audited_calls
from tests.fakes.incident_room import ALICE, IncidentRoom, open_room

ROOT = Path(__file__).parents[3]


@pytest.fixture
def room(tmp_path: Path, clock: FixedClock) -> Iterator[IncidentRoom]:
    room = open_room(tmp_path, clock)
    yield room
    room.engine.dispose()


def live_through(room: IncidentRoom, clock: FixedClock) -> str:
    """One incident from its alerts to an engineer's verdict; its id."""
    room.inbox.receive([room.alert(1), room.alert(2, "volume")])
    for _ in range(12):
        room.settle()
        room.approve()
        clock.advance(timedelta(seconds=20))
    incident = room.store.list()[0]
    FeedbackDesk(room.engine, clock, room.audit).record(incident.id, ALICE, correct=True)
    return incident.id


def retold(room: IncidentRoom, reference: str) -> IncidentStory:
    return tell_incident(room.audit.entries(), reference)


def test_the_log_alone_tells_the_stored_incident(room: IncidentRoom, clock: FixedClock) -> None:
    incident_id = live_through(room, clock)
    stored = room.store.get(incident_id)
    story = retold(room, stored.label)
    assert story == retold(room, incident_id) == retold(room, str(stored.number))
    for name in ("title", "status", "severity", "environment", "tenant", "subjects", "opened_at", "outcome", "label"):
        assert getattr(story, name) == getattr(stored, name), name
    assert set(story.alerts) == {alert.id for alert in room.store.alerts(incident_id)}
    assert stored.status in ("mitigated", "resolved"), "the story must have an end worth telling"


def test_its_timeline_is_the_stored_timeline(room: IncidentRoom, clock: FixedClock) -> None:
    incident_id = live_through(room, clock)
    stored = [(event.at, event.kind, event.actor, event.text) for event in room.store.timeline(incident_id)]
    told = [(line.at, line.kind, line.actor, line.text) for line in retold(room, incident_id).lines if line.timeline]
    assert sorted(told) == sorted(stored)
    assert len(stored) > 8


def test_tools_decisions_and_executions_are_told_with_who_and_how(room: IncidentRoom, clock: FixedClock) -> None:
    incident_id = live_through(room, clock)
    records = [entry.record for entry in room.audit.entries(incident_id=incident_id)]
    called = [record.payload for record in records if record.action == "tool.called"]
    evidence = room.store.evidence(incident_id)
    assert [(c["evidence_id"], c["tool"], c["arguments"], c["digest"]) for c in called] == [
        (e.id, e.tool, e.arguments, e.digest) for e in evidence
    ]
    granted = next(record for record in records if record.action == "approval.granted")
    assert (granted.actor, granted.payload["channel"]) == (ALICE.id, "cli")
    execution = room.executor.for_approval(granted.subject)
    assert execution is not None
    done = [record.action for record in records if record.subject == execution.id]
    assert done == ["action.started", "action.succeeded"]


def test_an_export_tells_it_when_the_database_is_gone(room: IncidentRoom, clock: FixedClock, tmp_path: Path) -> None:
    incident_id = live_through(room, clock)
    expected = retold(room, incident_id)
    path = tmp_path / "audit.jsonl"
    with path.open("w", encoding="utf-8") as file:
        export_log(room.engine, file)
    room.engine.dispose()
    (tmp_path / "vigia.db").unlink()
    assert tell_incident(read_entries(path), incident_id) == expected


def test_an_incident_that_the_log_does_not_know_is_not_told(room: IncidentRoom) -> None:
    with pytest.raises(NotFound, match="no incident 'INC-0009'"):
        retold(room, "INC-0009")


def test_a_call_to_a_model_belongs_to_the_incident_it_was_made_for(room: IncidentRoom) -> None:
    from foundation.telemetry.logs import log_context

    tell = audited_calls(room.audit, "agent:incident")
    call = ModelCall(provider="p", model="m", purpose="narrate", outcome="answered", prompt_digest="0", wall_ms=1.0)
    with log_context(incident_id="inc_7"):
        tell(call)
    entry = room.audit.entries()[-1]
    assert entry.record.incident_id == "inc_7"
    KINDS["model.called"].payload.model_validate(entry.record.payload)


def test_every_entry_of_a_story_is_of_its_kind(room: IncidentRoom, clock: FixedClock) -> None:
    live_through(room, clock)
    seen = set()
    for entry in room.audit.entries():
        KINDS[entry.record.action].payload.model_validate(entry.record.payload)
        seen.add(entry.record.action)
    expected = {
        "alert.received", "incident.opened", "tool.called", "evidence.collected", "diagnosis.made",
        "approval.requested", "approval.granted", "action.started", "action.succeeded", "action.verified",
        "incident.mitigated", "incident.noted", "verdict.recorded",
    }  # fmt: skip
    assert expected <= seen


def written_actions() -> dict[str, str]:
    """Every action that some source writes, and where."""
    found: dict[str, str] = {}
    for room_name in ("agents", "audit", "guardrails", "interfaces", "platform_core", "tools"):
        for path in (ROOT / room_name).rglob("*.py"):
            if path.name == "kinds.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "action":
                    for text in ast.walk(node.value):
                        if isinstance(text, ast.Constant) and isinstance(text.value, str):
                            found[text.value] = str(path.relative_to(ROOT))
    return {action: where for action, where in found.items() if re.fullmatch(r"[a-z_]+\.[a-z_]*", action)}


def _has_kind(action: str) -> bool:
    """`pseudonym.` is the beginning of an action whose end is filled in when it is written."""
    return action in KINDS or (action.endswith(".") and any(kind.startswith(action) for kind in KINDS))


def test_every_action_that_is_written_has_a_kind() -> None:
    written = written_actions()
    assert {"verdict.recorded", "resource.patched", "session.opened"} <= set(written)
    unknown = {action: where for action, where in written.items() if not _has_kind(action)}
    assert not unknown, f"add these to audit/kinds.py, with their payloads: {unknown}"
