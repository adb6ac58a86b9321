"""The end of the demo, for people and as the object that `--json` prints."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from interfaces.demo.options import DemoOptions
from interfaces.demo.result import AuditResult, DemoResult, Seconds, diagnosis_of
from interfaces.demo.story import Told
from interfaces.demo.workspace import Workspace


def result_of(options: DemoOptions, told: Told, audit: AuditResult) -> DemoResult:
    card, request = told.card, told.request
    decided = request.model_dump(mode="json", exclude={"proposal"}) if request else None
    return DemoResult(
        fault=options.fault,
        alerts=told.alerts,
        incidents=[
            each.model_dump(
                mode="json",
                include={
                    "incident_id", "label", "title", "status", "outcome", "severity", "tenant", "alerts", "subjects",
                },
            )
            for each in told.cards
        ],
        diagnosis=diagnosis_of(card, told.evidence),
        proposal=request.proposal.model_dump(mode="json") if request else None,
        approval=decided,
        execution=card.execution.model_dump(mode="json") if card and card.execution else None,
        verification=card.verification.model_dump(mode="json") if card and card.verification else None,
        audit=audit,
        seconds=Seconds(
            boot=round(told.boot, 2),
            alert_to_diagnosis=_rounded(card.seconds_to_diagnosis if card else None),
            approve_to_verified=_rounded(told.approve_to_verified),
        ),
    )  # fmt: skip


def summary(workspace: Workspace, told: Told, audit: AuditResult, problems: list[str]) -> RenderableType:
    card = told.card
    lines: list[Text] = []
    if card is not None and card.seconds_to_diagnosis is not None:
        lines.append(_line("alert to diagnosis", f"{card.seconds_to_diagnosis:.1f} s, {card.probes} probes"))
    if card is not None and card.execution is not None and card.proposal is not None:
        lines.append(_line("done", f"{card.proposal.tool}: {card.proposal.summary}"))
    if card is not None and card.verification is not None:
        verified = "; ".join(card.verification.checks)
        took = f" ({told.approve_to_verified:.1f} s after the decision)" if told.approve_to_verified else ""
        lines.append(_line("verified" if card.verification.verified else "not verified", verified + took))
    holds = "holds" if audit.verified else "does NOT hold"
    lines.append(_line("audit log", f"{audit.entries} entries, {holds}: vigia audit verify"))
    for path in _files(workspace.directory, told):
        lines.append(_line("written", str(path)))
    lines.append(_line("console", f"{workspace.copilot_url}/console (while it runs: --keep)"))
    lines.append(_line("logs and data", str(workspace.directory)))
    lines.extend(Text(f"not as it should be: {problem}", style="bold red") for problem in problems)
    if not problems:
        lines.append(Text("the story ended as it should", style="bold green"))
    return Group(*lines)


def _files(directory: Path, told: Told) -> list[Path]:
    """Runbook and report of the incident, as far as they were written."""
    card = told.card
    if card is None:
        return []
    reports = sorted((directory / "reports").glob(f"*{card.label}*"))
    runbook = directory / "runbooks" / card.runbook.file if card.runbook else None
    return [*([runbook] if runbook and runbook.exists() else []), *reports]


def _line(label: str, text: str) -> Text:
    return Text(f"{label:<20}", style="bold") + Text(text)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
