"""The incident card in a terminal: ten seconds to see what broke, how sure, and what to press."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from agents.diagnosis.types import Finding
from agents.incident.card import CardApproval, CardCause, CardProposal, IncidentCard
from guardrails.taint.suspicion import Suspicious
from interfaces.card_words import MOST_SUSPICIOUS, against, by_text, glass_line, name, odds, reach
from interfaces.terminal.charts import render_chart
from interfaces.terminal.safety import safe_model

SEVERITY_STYLES = {"critical": "bold red", "warning": "bold yellow", "info": "bold blue"}
_LABEL = 14
MOST_FINDINGS = 4
"""For and against each; the strongest."""


def render_card(card: IncidentCard) -> RenderableType:
    """The whole card. Texts in it come from outside: shown as text, never read as markup or obeyed by the terminal."""
    card = safe_model(card)
    parts: list[RenderableType] = [_head(card), Text(card.impact)]
    parts += [_labelled("Broken glass", Text(glass_line(each)), style="bold red") for each in card.glass]
    for section in (_diagnosis(card), _charts(card), _proposal(card), _foot(card)):
        lines = list(section)
        if lines:
            parts += [Text(), *lines]
    return Panel(Group(*parts), box=box.ROUNDED, border_style=SEVERITY_STYLES[card.severity], padding=(0, 1))


def render_outcome(card: IncidentCard) -> RenderableType:
    """What came of it, without the diagnosis that was shown before."""
    card = safe_model(card)
    style = "bold green" if card.outcome == "mitigated" else SEVERITY_STYLES[card.severity]
    return Panel(_head(card), box=box.ROUNDED, border_style=style, padding=(0, 1))


def _head(card: IncidentCard) -> Text:
    head = Text(f"{card.label}  ", style="bold")
    head.append(card.title)
    place = " · ".join((card.severity, card.environment, (card.tenant or "all tenants").upper()))
    head.append(f"\n{place} · ", style=SEVERITY_STYLES[card.severity])
    head.append(card.status.replace("_", " "), style="bold")
    if card.status_line:
        head.append(f" · {card.status_line}")
    return head


def _diagnosis(card: IncidentCard) -> Iterator[RenderableType]:
    if card.verdict is None:
        yield Text("investigating: no evidence has been weighed yet", style="dim")
        return
    if card.verdict == "inconclusive":
        yield _labelled("Inconclusive", Text("the evidence does not carry a cause", style="bold"))
    elif card.most_likely is not None:
        label = "Expected" if card.verdict == "no_fault" else "Most likely"
        yield _labelled(label, _cause(card.most_likely, name(card.most_likely, card.title), style="bold"))
        yield from _findings(card.most_likely)
    for cause in card.also_possible:
        yield _labelled("Also possible", _cause(cause, cause.title))
    if card.ruled_out:
        yield _labelled("Ruled out", Text(" · ").join(_ruled_out(cause) for cause in card.ruled_out))
    if card.not_checked:
        yield _labelled("Not checked", Text("\n".join(card.not_checked)))
    if card.look_next:
        yield _labelled("Look next at", Text("\n".join(card.look_next)))
    if card.suspicious:
        yield _labelled("Suspicious", _suspicious(card.suspicious), style="bold yellow")
    if card.budget_note is not None:
        yield _labelled("Budget", Text(card.budget_note, style="yellow"))
    if card.narration is not None and card.narration.author != "template":
        yield Text()
        yield from (_finding_line("", s.text, s.evidence_ids) for s in card.narration.sentences)


def _suspicious(items: tuple[Suspicious, ...]) -> Text:
    text = Text("somebody wrote orders into the data; nothing follows them, ask how they got there", style="yellow")
    texts = by_text(items)
    for where, rules, excerpt in texts[:MOST_SUSPICIOUS]:
        text.append(f"\n{' '.join(where)} {rules}: ").append(f"“{excerpt}”", style="dim")
    if len(texts) > MOST_SUSPICIOUS:
        text.append(f"\nand {len(texts) - MOST_SUSPICIOUS} more")
    return text


def _cause(cause: CardCause, said: str, style: str = "") -> Text:
    return Text(f"{cause.confidence:.2f}  ", style="bold cyan") + Text(said, style=style)


def _ruled_out(cause: CardCause) -> Text:
    return Text(f"{cause.cause.replace('_', ' ')} {odds(cause.confidence)}{_cited(against(cause))}", style="dim")


def _findings(cause: CardCause) -> Iterator[RenderableType]:
    def strength(finding: Finding) -> float:
        return -abs(finding.weight)

    for sign, style, findings in (("+", "green", cause.supporting), ("−", "red", cause.refuting)):
        for finding in sorted(findings, key=strength)[:MOST_FINDINGS]:
            yield _row(Text(f"  {sign}", style=style), _finding_line("", finding.text, finding.evidence_ids), width=4)
        if len(findings) > MOST_FINDINGS:
            said = Text(f"and {len(findings) - MOST_FINDINGS} more: --json shows all", style="dim")
            yield _row(Text(f"  {sign}", style=style), said, width=4)


def _finding_line(indent: str, text: str, evidence_ids: tuple[str, ...]) -> Text:
    return Text(indent + text).append(_cited(evidence_ids), style="dim")


def _charts(card: IncidentCard) -> Iterator[Text]:
    for chart in card.charts:
        yield from render_chart(chart)


def _proposal(card: IncidentCard) -> Iterator[RenderableType]:
    proposal = card.proposal
    if proposal is None:
        if card.verdict == "inconclusive":
            yield _labelled("Proposed", Text("nothing: no cause, no action"))
        return
    yield Rule(style="dim")
    yield _labelled("Undo" if proposal.purpose == "compensation" else "Proposed", Text(proposal.summary, style="bold"))
    yield from proposal_lines(proposal)
    if card.approval is not None and card.approval.status == "pending":
        yield _labelled("approval", Text(_approval(card.approval, proposal)), style="dim")


def proposal_lines(proposal: CardProposal) -> Iterator[RenderableType]:
    """What it would change, reach, cost and need."""
    if proposal.by_person:
        yield _labelled("by", Text(f"{proposal.by_person}: {proposal.rationale}"), style="dim")
    for line in proposal.diff:
        yield _labelled("would change", Text(line), style="dim")
    yield _labelled("reaches", Text(reach(proposal.blast_radius)), style="dim")
    yield _labelled("expected", Text(proposal.expected_effect), style="dim")
    for check in proposal.verified_by:
        yield _labelled("verified by", Text(check), style="dim")
    yield _labelled("undo", Text(f"{proposal.undo or 'none'} ({proposal.tier})"), style="dim")
    if proposal.monthly_saving_usd is not None:
        yield _labelled("saves", Text(f"US$ {proposal.monthly_saving_usd:,.0f} a month"), style="dim")


def _approval(approval: CardApproval, proposal: CardProposal) -> str:
    return f"{approval.who_may} · expires {approval.expires_at:%H:%M} UTC · digest {proposal.digest_short}"


def _foot(card: IncidentCard) -> Iterator[RenderableType]:
    yield Rule(style="dim")
    if card.runbook is not None:
        book = card.runbook
        worked = f" (worked {book.worked} of {book.tried} times)" if book.tried else ""
        yield Text(f"Runbook: {book.file}{worked} · owner: {book.owner}", style="dim")
    facts: list[str] = []
    if card.seconds_to_diagnosis is not None:
        facts.append(f"{card.seconds_to_diagnosis:.1f} s from alert")
    facts.append(f"{card.probes} probes")
    facts.append(f"prose by {card.model_used}" if card.model_used else "no model used")
    if card.audit_head:
        facts.append(f"audit #{card.audit_entries}, head {card.audit_head[:8]}…")
    yield Text(" · ".join(facts), style="dim")


def _labelled(label: str, content: Text, style: str = "bold") -> Table:
    """Long content goes on below itself, not below its label."""
    return _row(Text(label, style=style), content, width=_LABEL)


def _row(lead: Text, content: Text, *, width: int) -> Table:
    grid = Table.grid()
    grid.add_column(width=width, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(lead, content)
    return grid


def _cited(evidence_ids: tuple[str, ...] | list[str]) -> str:
    return f"  [{' '.join(evidence_ids)}]" if evidence_ids else ""
