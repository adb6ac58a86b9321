"""A health report as Markdown for people and as JSON for everything else."""

from __future__ import annotations

from typing import Any

from agents.health.types import CheckStatus, HealthReport, HealthSection

_MARKS: dict[CheckStatus, str] = {
    "ok": "ok",
    "attention": "ATTENTION",
    "failed": "FAILED",
    "not_run": "not run",
    "harness_failed": "CHECK BROKE",
}
_ORDER: tuple[CheckStatus, ...] = ("failed", "attention", "harness_failed", "not_run", "ok")


def render_markdown(report: HealthReport) -> str:
    """What needs a look first; passes last."""
    counts = report.counts
    ran = counts["ok"] + counts["attention"] + counts["failed"]
    head = [
        f"# Health report, {report.end:%Y-%m-%d %H:%M} UTC: {report.verdict}",
        "",
        f"{ran} of {len(report.checks)} checks ran: {counts['ok']} ok, {counts['attention']} need attention, "
        f"{counts['failed']} failed. {counts['not_run']} had nothing to check, {counts['harness_failed']} broke.",
        f"Period: {report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M} UTC.",
    ]
    return "\n".join([*head, *(line for section in report.sections for line in _section(section))]) + "\n"


def render_json(report: HealthReport) -> dict[str, Any]:
    """The report with its verdict and counts, as JSON values."""
    return report.model_dump(mode="json")


def _section(section: HealthSection) -> list[str]:
    lines = ["", f"## {section.name}", ""]
    if not section.checks:
        return [*lines, "Nothing was checked."]
    rows = sorted(section.checks, key=lambda check: _ORDER.index(check.status))
    table = [f"| {_MARKS[c.status]} | {_cell(c.name)} | {_cell(c.subject)} | {_cell(c.summary)} |" for c in rows]
    return [*lines, "| status | check | subject | finding |", "|---|---|---|---|", *table]


def _cell(text: str) -> str:
    """Text from outside cannot end the cell, the line, or become a link or an image."""
    flat = " ".join(text.split()).replace("\\", "\\\\")
    for character in "|<>[]`":
        flat = flat.replace(character, f"\\{character}")
    return flat
