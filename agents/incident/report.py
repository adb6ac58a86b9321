"""The incident as a markdown file, `<data_dir>/reports/INC-0001.md`, for the review."""

from __future__ import annotations

from pathlib import Path

from agents.evidence import Evidence
from agents.incident.card import CardCause, CardProposal, IncidentCard
from agents.incident.types import TimelineEvent
from agents.runbooks.files import write_atomically


def write_report(directory: Path, card: IncidentCard, timeline: list[TimelineEvent], evidence: list[Evidence]) -> Path:
    path = directory / f"{card.label}.md"
    write_atomically(path, render_report(card, timeline, evidence))
    return path


def render_report(card: IncidentCard, timeline: list[TimelineEvent], evidence: list[Evidence]) -> str:
    lines = [
        f"# {card.label} {_line(card.title)}",
        "",
        f"{card.severity} · {card.environment} · {card.tenant or 'all tenants'} · {card.status}"
        + (f" · outcome: {card.outcome}" if card.outcome else ""),
        "",
        _line(card.impact),
        "",
        f"**{_line(card.status_line)}**",
        "",
    ]
    if card.most_likely:
        heading = "Most likely" if card.verdict != "inconclusive" else "Leading, but not carried by the evidence"
        lines += [f"## {heading}", "", *_cause(card.most_likely)]
    for title, causes in (("Also possible", card.also_possible), ("Ruled out", card.ruled_out)):
        if causes:
            lines += [f"## {title}", ""]
            lines += [line for cause in causes for line in _cause(cause)]
    suspicious = tuple(f"{item.where}, {item.rule}: {item.excerpt}" for item in card.suspicious)
    budget = (card.budget_note,) if card.budget_note else ()
    glass = tuple(f"{g.id} by {g.opened_by} until {g.ends_at:%Y-%m-%d %H:%M}: {g.reason}" for g in card.glass)
    for title, notes in (
        ("Broken glass", glass),
        ("Suspicious content", suspicious),
        ("Budget", budget),
        ("Not checked", card.not_checked),
        ("Look at next", card.look_next),
    ):
        if notes:
            lines += [f"## {title}", "", *(f"- {_line(note)}" for note in notes), ""]
    if card.proposal:
        lines += _proposal(card.proposal)
    if card.verification:
        lines += ["## Verification", "", *(f"- {_line(check)}" for check in card.verification.checks), ""]
    lines += ["## Timeline (UTC)", "", *(_event(event) for event in timeline), ""]
    lines += ["## Evidence", "", *(_piece(piece) for piece in evidence), ""]
    if card.audit_head:
        lines += [f"Audit log at {card.audit_entries} entries, head `{card.audit_head}`.", ""]
    return "\n".join(lines)


def _cause(cause: CardCause) -> list[str]:
    lines = [f"**{_line(cause.title)}** ({cause.cause}, {cause.confidence:.2f})", ""]
    for sign, findings in (("+", cause.supporting), ("−", cause.refuting)):
        lines += [f"- {sign} {_line(f.text)} [{' '.join(f.evidence_ids)}]" for f in findings]
    return [*lines, ""]


def _proposal(proposal: CardProposal) -> list[str]:
    return [
        "## Proposed" if proposal.purpose == "action" else "## Proposed to undo",
        "",
        f"{_line(proposal.summary)} (`{proposal.tool}`, {proposal.tier}, digest {proposal.digest_short})",
        "",
        *(f"- `{_line(line)}`" for line in proposal.diff),
        f"- Expected: {_line(proposal.expected_effect)}",
        f"- Undo: {_line(proposal.undo or 'none')}",
        "",
    ]


def _event(event: TimelineEvent) -> str:
    return f"- {event.at:%Y-%m-%d %H:%M:%S} · {event.kind} · {event.actor} · {_line(event.text)}"


def _piece(piece: Evidence) -> str:
    return f"- **{piece.id}** `{piece.tool}` {piece.observation.status}: {_line(piece.observation.summary)}"


def _line(text: str) -> str:
    # What tools and alerts say is data from outside: it stays one line and opens no section or code fence.
    return " ".join(text.split()).replace("`", "'")
