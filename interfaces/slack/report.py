"""A health report as Block Kit: the verdict, then what needs a look; what passed is only counted."""

from __future__ import annotations

from collections.abc import Callable

from agents.health.types import CheckStatus, HealthReport
from interfaces.slack.blocks import Block
from interfaces.slack.limits import cut, escape

MOST_FINDINGS = 40
_LINE = 400
_PER_SECTION = 6
_WORTH_A_LOOK: dict[CheckStatus, str] = {
    "failed": ":red_circle: failed",
    "attention": ":large_yellow_circle: attention",
    "harness_failed": ":grey_question: the check broke",
}


def report_blocks(report: HealthReport, redact: Callable[[str], str]) -> list[Block]:
    counts = report.counts
    head = f"Health report {report.end:%Y-%m-%d %H:%M} UTC: {report.verdict}"
    said = (
        f"{counts['ok']} ok · {counts['attention']} need attention · {counts['failed']} failed · "
        f"{counts['not_run']} had nothing to check · {counts['harness_failed']} broke"
    )
    lines = [
        f"{mark}  *{escape(check.name)}* {escape(cut(redact(f'{check.subject}: {check.summary}'), _LINE))}"
        for status, mark in _WORTH_A_LOOK.items()
        for check in report.checks
        if check.status == status
    ]
    if len(lines) > MOST_FINDINGS:
        lines = [*lines[:MOST_FINDINGS], f"and {len(lines) - MOST_FINDINGS} more: see the report file"]
    sections = ["\n".join(lines[i : i + _PER_SECTION]) for i in range(0, len(lines), _PER_SECTION)]
    return [
        {"type": "header", "text": {"type": "plain_text", "text": head}},
        {"type": "context", "elements": [_text(said)]},
        *({"type": "section", "text": _text(section)} for section in sections),
    ]


def _text(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
