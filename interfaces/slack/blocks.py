"""The incident card as Block Kit: what broke, who is hurt, how sure, what to press."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from agents.diagnosis.types import Finding
from agents.incident.card import CardCause, IncidentCard
from guardrails.approvals.break_glass import BrokenGlass
from guardrails.taint.suspicion import Suspicious
from interfaces.card_words import MOST_SUSPICIOUS, against, by_text, glass_line, name, odds
from interfaces.slack.charts import chart_block
from interfaces.slack.decision import decision_buttons, proposal_blocks
from interfaces.slack.ids import ActionId, BlockId
from interfaces.slack.limits import BLOCKS_PER_MESSAGE, CHARTS_PER_MESSAGE, escape
from interfaces.slack.texts import Block, Redact, Show, button

T = TypeVar("T")

MOST_GLASS = 3


def card_blocks(card: IncidentCard, redact: Redact) -> list[Block]:
    """At most 50 blocks; every text is redacted, then escaped, then cut to its limit. Where something is left out, it
    says so; of what is proposed nothing is left out where Approve can be pressed.

    The decision buttons are there while the approval is pending, and only then: what was decided shows who, when and
    what came of it instead.
    """
    show = Show(redact)

    def glass(each: BrokenGlass) -> str:
        return show.text(glass_line(each))

    blocks = [
        show.header(f"{card.label}  {card.title}"),
        show.context(_where(card)),
        *([show.section(card.impact)] if card.impact else []),
        *(show.markup(f":rotating_light: *Broken glass*  {text}") for text in _some(card.glass, MOST_GLASS, glass)),
    ]
    if card.verdict is None:
        blocks.append(show.section("Investigating…"))
    blocks += _diagnosis(card, show)
    blocks += [chart_block(chart, redact) for chart in card.charts[:CHARTS_PER_MESSAGE] if chart.series]
    if card.suspicious:
        blocks.append(show.markup(_suspicious(card.suspicious, show)))
    if card.proposal is not None:
        blocks.append({"type": "divider"})
        blocks += proposal_blocks(card.proposal, card.approval, redact)
    if card.status_line:
        blocks.append(show.section(card.status_line))
    if card.proposal is not None and card.approval is not None and card.approval.status == "pending":
        blocks.append(decision_buttons(card.proposal, card.approval, card.incident_id, redact))
    elif card.status in ("mitigated", "resolved") and card.most_likely is not None:
        blocks.append(_feedback(card.incident_id))
    blocks.append(show.context(_footer(card)))
    return blocks


def card_text(card: IncidentCard, redact: Redact) -> str:
    """The same in one line, for notifications and screen readers."""
    return escape(redact(f"{card.label} {card.severity}: {card.title}. {card.status_line or card.status}"))


def _some(items: Sequence[T], most: int, text: Callable[[T], str]) -> list[str]:
    """The first `most`, and how many more there are."""
    more = [f"and {len(items) - most} more, see the console"] if len(items) > most else []
    return [*map(text, items[:most]), *more]


def _diagnosis(card: IncidentCard, show: Show) -> list[Block]:
    def finding(each: Finding) -> str:
        return _finding(each, show)

    def rival(each: CardCause) -> str:
        return _rival(each, show)

    blocks: list[Block] = []
    if card.most_likely is not None:
        label = {"no_fault": "No fault", "inconclusive": "Inconclusive; leading"}.get(card.verdict or "", "Most likely")
        lines = [f"*{label}*  `{card.most_likely.confidence:.2f}`  {show.text(name(card.most_likely, card.title))}"]
        lines += [f"＋ {text}" for text in _some(card.most_likely.supporting, 5, finding)]
        lines += [f"－ {text}" for text in _some(card.most_likely.refuting, 3, finding)]
        blocks.append(show.markup("\n".join(lines)))
    elif card.verdict == "inconclusive":
        blocks.append(show.markup("*Inconclusive*: the evidence does not carry a cause."))
    also = _some(card.also_possible, 2, lambda cause: f"{odds(cause.confidence)}  {show.text(cause.title)}")
    notes = [f"*Also possible*  {text}" for text in also]
    if card.ruled_out:
        notes.append(f"*Ruled out*  {' · '.join(_some(card.ruled_out, 3, rival))}")
    if card.not_checked:
        notes.append(f"*Not checked*  {'; '.join(_some(card.not_checked, 3, show.text))}")
    if card.budget_note:
        notes.append(f"*Budget*  {show.text(card.budget_note)}")
    if card.look_next:
        notes.append(f"*Look next*  {'; '.join(_some(card.look_next, 3, show.text))}")
    if notes:
        blocks.append(show.markup("\n".join(notes)))
    return blocks


def _suspicious(items: Sequence[Suspicious], show: Show) -> str:
    texts = by_text(items)
    more = f"\nand {len(texts) - MOST_SUSPICIOUS} more" if len(texts) > MOST_SUSPICIOUS else ""
    quoted = (
        f"\n{show.text(' '.join(where))} {rules}: “{show.text(text)}”" for where, rules, text in texts[:MOST_SUSPICIOUS]
    )
    said = "somebody wrote orders into the data; nothing follows them, ask how they got there"
    return f":warning: *Suspicious content*  {said}{''.join(quoted)}{more}"


def _finding(finding: Finding, show: Show) -> str:
    cited = " ".join(f"[{evidence_id}]" for evidence_id in finding.evidence_ids)
    return f"{show.text(finding.text)} {cited}"


def _rival(cause: CardCause, show: Show) -> str:
    cited = f" [{' '.join(ids)}]" if (ids := against(cause)) else ""
    return f"{show.text(cause.cause.replace('_', ' '))} {odds(cause.confidence)}{cited}"


def _feedback(incident_id: str) -> Block:
    return {
        "type": "actions",
        "block_id": BlockId.FEEDBACK,
        "elements": [
            button("Right cause", ActionId.RIGHT_CAUSE, incident_id),
            button("Wrong cause", ActionId.WRONG_CAUSE, incident_id),
            button("Details", ActionId.DETAILS, incident_id),
        ],
    }


def _footer(card: IncidentCard) -> str:
    parts: list[str] = []
    if card.runbook is not None:
        parts.append(f"{card.runbook.file} (worked {card.runbook.worked} of {card.runbook.tried})")
    if card.seconds_to_diagnosis is not None:
        parts.append(f"{card.seconds_to_diagnosis:.1f} s from alert")
    parts += [f"{card.probes} probes", f"model: {card.model_used}" if card.model_used else "no model used"]
    if card.audit_entries is not None and card.audit_head is not None:
        parts.append(f"audit #{card.audit_entries} head {card.audit_head[:8]}")
    return " · ".join(parts)


def evidence_blocks(lines: Sequence[str], redact: Redact) -> list[Block]:
    """A list of evidence, a section per few lines so that none is over Slack's limit."""
    show = Show(redact)
    shown = _some(lines, 4 * BLOCKS_PER_MESSAGE - 1, lambda line: show.line(line, 700))
    return [show.markup("\n".join(shown[i : i + 4])) for i in range(0, len(shown), 4)]


def _where(card: IncidentCard) -> str:
    tenant = (card.tenant or "all tenants").upper()
    return f"{card.severity} · {card.environment} · {tenant} · {card.status.replace('_', ' ')}"
