"""The incident card as Block Kit: what broke, who is hurt, how sure, what to press."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agents.diagnosis.types import Finding
from agents.incident.card import CardApproval, CardCause, CardProposal, IncidentCard
from guardrails.taint.suspicion import Suspicious
from interfaces.card_words import MOST_SUSPICIOUS, against, by_text, glass_line, name, odds
from interfaces.slack.charts import chart_block
from interfaces.slack.ids import ActionId, BlockId
from interfaces.slack.limits import BLOCKS_PER_MESSAGE, CHARTS_PER_MESSAGE, HEADER_TEXT, SECTION_TEXT, cut, escape

Block = dict[str, Any]
Redact = Callable[[str], str]


def card_blocks(card: IncidentCard, redact: Redact) -> list[Block]:
    """At most 50 blocks; every text is redacted, then escaped, then cut to its limit.

    The decision buttons are there while the approval is pending, and only then: what was decided shows who, when and
    what came of it instead.
    """
    show = _Show(redact)
    blocks = [
        show.header(f"{card.label}  {card.title}"),
        show.context(_where(card)),
        show.section(card.impact),
        *(show.markup(f":rotating_light: *Broken glass*  {show.text(glass_line(each))}") for each in card.glass[:3]),
    ]
    if card.verdict is None:
        blocks.append(show.section("Investigating…"))
    blocks += _diagnosis(card, show)
    blocks += [chart_block(chart, redact) for chart in card.charts[:CHARTS_PER_MESSAGE] if chart.series]
    if card.suspicious:
        blocks.append(show.markup(_suspicious(card.suspicious, show)))
    if card.proposal is not None:
        blocks.append({"type": "divider"})
        blocks += _proposal(card.proposal, card.approval, show)
    if card.status_line:
        blocks.append(show.section(card.status_line))
    if card.approval is not None and card.approval.status == "pending":
        blocks.append(_decision(card.approval, card.incident_id))
    elif card.status in ("mitigated", "resolved") and card.most_likely is not None:
        blocks.append(_feedback(card.incident_id))
    blocks.append(show.context(_footer(card)))
    return blocks[:BLOCKS_PER_MESSAGE]


def card_text(card: IncidentCard, redact: Redact) -> str:
    """The same in one line, for notifications and screen readers."""
    return escape(redact(f"{card.label} {card.severity}: {card.title}. {card.status_line or card.status}"))


class _Show:
    """Builds text blocks; the one place where text from outside becomes text in Slack."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def text(self, value: str) -> str:
        return escape(self._redact(value))

    def header(self, value: str) -> Block:
        return {"type": "header", "text": {"type": "plain_text", "text": cut(self._redact(value), HEADER_TEXT)}}

    def section(self, value: str) -> Block:
        return self.markup(self.text(value))

    def markup(self, value: str) -> Block:
        """A section of text that was made safe before."""
        return {"type": "section", "text": _mrkdwn(cut(value, SECTION_TEXT))}

    def context(self, value: str) -> Block:
        return {"type": "context", "elements": [_mrkdwn(cut(self.text(value), SECTION_TEXT))]}

    def line(self, value: str, limit: int) -> str:
        """Redacted before it is cut: the half of an identifier would not be recognised."""
        return escape(cut(self._redact(value), limit))


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack makes no links, channels or mentions out of what merely looks like them.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _diagnosis(card: IncidentCard, show: _Show) -> list[Block]:
    blocks: list[Block] = []
    if card.most_likely is not None:
        label = {"no_fault": "No fault", "inconclusive": "Inconclusive; leading"}.get(card.verdict or "", "Most likely")
        lines = [f"*{label}*  `{card.most_likely.confidence:.2f}`  {show.text(name(card.most_likely, card.title))}"]
        lines += [f"＋ {_finding(finding, show)}" for finding in card.most_likely.supporting[:5]]
        lines += [f"－ {_finding(finding, show)}" for finding in card.most_likely.refuting[:3]]
        blocks.append(show.markup("\n".join(lines)))
    elif card.verdict == "inconclusive":
        blocks.append(show.markup("*Inconclusive*: the evidence does not carry a cause."))
    notes = [f"*Also possible*  {odds(c.confidence)}  {show.text(c.title)}" for c in card.also_possible[:2]]
    if card.ruled_out:
        notes.append(f"*Ruled out*  {' · '.join(_rival(cause, show) for cause in card.ruled_out[:3])}")
    if card.not_checked:
        notes.append(f"*Not checked*  {show.text('; '.join(card.not_checked[:3]))}")
    if card.budget_note:
        notes.append(f"*Budget*  {show.text(card.budget_note)}")
    if card.look_next:
        notes.append(f"*Look next*  {show.text('; '.join(card.look_next[:3]))}")
    if notes:
        blocks.append(show.markup("\n".join(notes)))
    return blocks


def _suspicious(items: Sequence[Suspicious], show: _Show) -> str:
    texts = by_text(items)
    more = f"\nand {len(texts) - MOST_SUSPICIOUS} more" if len(texts) > MOST_SUSPICIOUS else ""
    quoted = (
        f"\n{show.text(' '.join(where))} {rules}: “{show.text(text)}”" for where, rules, text in texts[:MOST_SUSPICIOUS]
    )
    said = "somebody wrote orders into the data; nothing follows them, ask how they got there"
    return f":warning: *Suspicious content*  {said}{''.join(quoted)}{more}"


def _finding(finding: Finding, show: _Show) -> str:
    cited = " ".join(f"[{evidence_id}]" for evidence_id in finding.evidence_ids)
    return f"{show.text(finding.text)} {cited}"


def _rival(cause: CardCause, show: _Show) -> str:
    cited = f" [{' '.join(ids)}]" if (ids := against(cause)) else ""
    return f"{show.text(cause.cause.replace('_', ' '))} {odds(cause.confidence)}{cited}"


def _proposal(proposal: CardProposal, approval: CardApproval | None, show: _Show) -> list[Block]:
    word = "Proposed undo" if proposal.purpose == "compensation" else "Proposed"
    radius = proposal.blast_radius
    person = [f"*By*  {show.text(f'{proposal.by_person}: {proposal.rationale}')}"] if proposal.by_person else []
    lines = [
        f"*{word}*  {show.text(proposal.summary)}  _{proposal.tier}_",
        *person,
        f"```{show.text(chr(10).join(proposal.diff[:12]))}```",
        f"*Reaches*  feature views {radius.feature_views} · services {radius.feature_services} · "
        f"endpoints {show.text(', '.join(radius.endpoints[:6]) or 'none')}",
        f"*Expected*  {show.text(proposal.expected_effect)}",
    ]
    if proposal.verified_by:
        lines.append(f"*Verified by*  {show.text('; '.join(proposal.verified_by))}")
    lines.append(f"*Undo*  {show.text(proposal.undo) if proposal.undo else 'none: this cannot be undone'}")
    if proposal.monthly_saving_usd is not None:
        lines.append(f"*Saves*  about ${proposal.monthly_saving_usd:,.0f} a month")
    if approval is not None:
        lines.append(
            f"*Approval*  {show.text(approval.who_may)} · expires {approval.expires_at:%H:%M} UTC · "
            f"digest `{proposal.digest_short}`"
        )
    return [show.markup("\n".join(lines))]


def _decision(approval: CardApproval, incident_id: str) -> Block:
    return {
        "type": "actions",
        "block_id": BlockId.DECISION,
        "elements": [
            _button("Approve", ActionId.APPROVE, approval.id, style="primary"),
            _button("Reject…", ActionId.REJECT, approval.id, style="danger"),
            _button("Edit…", ActionId.EDIT, approval.id),
            _button("Details", ActionId.DETAILS, incident_id),
        ],
    }


def _feedback(incident_id: str) -> Block:
    return {
        "type": "actions",
        "block_id": BlockId.FEEDBACK,
        "elements": [
            _button("Right cause", ActionId.RIGHT_CAUSE, incident_id),
            _button("Wrong cause", ActionId.WRONG_CAUSE, incident_id),
            _button("Details", ActionId.DETAILS, incident_id),
        ],
    }


def _button(label: str, action: ActionId, value: str, *, style: str | None = None) -> Block:
    button: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value,
    }
    return button if style is None else {**button, "style": style}


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
    show = _Show(redact)
    shown = [show.line(line, 700) for line in lines[: 4 * BLOCKS_PER_MESSAGE]]
    return [show.markup("\n".join(shown[i : i + 4])) for i in range(0, len(shown), 4)]


def _where(card: IncidentCard) -> str:
    tenant = (card.tenant or "all tenants").upper()
    return f"{card.severity} · {card.environment} · {tenant} · {card.status.replace('_', ' ')}"
