"""The end of a round: outcome and status, the runbook made richer, the report written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agents.incident.card import IncidentCard
from agents.incident.card_building import CardBuilder
from agents.incident.report import write_report
from agents.incident.store import IncidentStore
from agents.incident.types import IncidentStatus
from agents.runbooks.library import RunbookLibrary
from agents.runbooks.types import RunbookEntry
from foundation.errors import InvalidInput

_TEXTS = {
    "mitigated": "the action worked",
    "no_action": "no action is proposed",
    "rejected": "the proposal was rejected: nothing was run, the incident stays with the engineer",
    "expired": "nobody decided in time: nothing was run, the incident stays with the engineer",
    "inconclusive": "the evidence does not carry a cause: the incident stays with the engineer",
    "failed": "the action did not mend it: the incident stays with the engineer",
}


@dataclass(frozen=True)
class Recorder:
    store: IncidentStore
    cards: CardBuilder
    runbooks: RunbookLibrary
    reports: Path

    def record(self, incident_id: str, round_number: int, outcome: str) -> None:
        """Doing it again changes nothing: the runbook tells of an incident once, the transition has a key."""
        card = self.cards.build(incident_id)
        if card.execution is not None and card.proposal is not None and card.most_likely is not None:
            self._write_runbook(card, worked=outcome == "mitigated")
        self.store.transition(
            incident_id,
            _final_status(outcome, card),
            key=f"ended:{round_number}",
            text=_TEXTS.get(outcome, outcome),
            outcome=outcome,
        )
        final = self.cards.build(incident_id)
        write_report(self.reports, final, self.store.timeline(incident_id), self.store.evidence(incident_id))

    def _write_runbook(self, card: IncidentCard, *, worked: bool) -> None:
        entry = self._entry(card, worked=worked)
        try:
            runbook = self.runbooks.record(entry)
        except InvalidInput as broken:
            text, kind = f"runbook not written: {broken.message}", "runbook.skipped"
        else:
            text, kind = f"{runbook.file}: worked {runbook.head.worked} of {runbook.tried} times", "runbook.updated"
        self.store.tell(card.incident_id, kind, text, key=f"runbook:{entry.label}:{worked}")

    def _entry(self, card: IncidentCard, *, worked: bool) -> RunbookEntry:
        cause, proposal = card.most_likely, card.proposal
        assert cause is not None  # noqa: S101 - the caller has looked
        assert proposal is not None  # noqa: S101
        decisions = card.approval.decisions if card.approval else ()
        return RunbookEntry(
            cause=cause.cause,
            cause_title=cause.title,
            label=card.label,
            at=card.opened_at,
            title=card.title,
            findings=tuple(f"{f.text} [{' '.join(f.evidence_ids)}]" for f in cause.supporting),
            action=f"{proposal.tool}: {proposal.summary}",
            approved_by=", ".join(d.principal_id for d in decisions if d.verdict == "approve") or "policy",
            checks=card.verification.checks if card.verification else ("not verified",),
            undo=proposal.undo,
            worked=worked,
        )


def _final_status(outcome: str, card: IncidentCard) -> IncidentStatus:
    if outcome == "mitigated":
        return "mitigated"
    # An expected change that needs nothing is over; everything else stays open for a person.
    return "resolved" if outcome == "no_action" and card.verdict == "no_fault" else "investigating"
