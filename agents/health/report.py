"""The nightly health report: of the platform, and of the agents that watch it.

What could not be checked is said to be unchecked. A report that books its own breakage, or an outage of a model's
provider, as a result would be worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from agents.evidence import Evidence
from agents.health import copilot
from agents.health.platform import platform_checks
from agents.health.ports import ReadsApprovals, ReadsFeedback, ReadsIncidents, RunsTools, VerifiesAudit
from agents.health.rendering import render_json, render_markdown
from agents.health.types import HealthCheck, HealthReport, HealthSection
from foundation.clock import Clock
from foundation.errors import VigiaError
from guardrails.approvals.break_glass import BrokenGlass
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog

__all__ = ["HealthCheck", "HealthReport", "HealthSection", "build_health_report", "render_json", "render_markdown"]

MOST_INCIDENTS = 500


def build_health_report(
    *,
    clock: Clock,
    catalog: Catalog,
    lineage: Lineage,
    runner: RunsTools | None,
    incidents: ReadsIncidents,
    approvals: ReadsApprovals,
    feedback: ReadsFeedback | None = None,
    verify_audit: VerifiesAudit | None = None,
    broken_glass: Callable[[], Sequence[BrokenGlass]] | None = None,
    redact: Callable[[str], str],
    period: timedelta = timedelta(hours=24),
) -> HealthReport:
    """Check everything once. `runner` is None when the platform is not attached; its checks are then not run.

    Texts of tools are redacted with `redact`. Never raises for a check that breaks: that is a finding.
    """
    end = clock.now()
    start = end - period

    def platform() -> Iterator[HealthCheck]:
        if runner is None:
            yield _not_run("platform", "no platform is attached")
            return
        yield from platform_checks(catalog, lineage, runner)

    def agents() -> Iterator[HealthCheck]:
        found = [
            incident
            for incident in incidents.list(limit=MOST_INCIDENTS)
            if incident.updated_at >= start or incident.status != "resolved"
        ]
        yield copilot.incident_check(found, end)
        yield from _guarded("diagnosis", lambda: copilot.diagnosis_checks(found, incidents))
        if feedback is None:
            yield _not_run("engineers' verdicts", "no feedback store is attached")
        else:
            said = feedback
            yield from _guarded("engineers' verdicts", lambda: [copilot.feedback_check(said.per_cause())])
        yield from _guarded("tools", lambda: [copilot.tool_check(_evidence(incidents, [i.id for i in found]))])
        yield from _guarded("approvals", lambda: [copilot.approval_check(found, approvals)])
        if broken_glass is not None:
            unreviewed = broken_glass
            yield from _guarded("broken glass", lambda: [copilot.glass_check(unreviewed())])

    def audit() -> Iterator[HealthCheck]:
        if verify_audit is None:
            yield _not_run("audit log", "no verifier is attached")
        else:
            yield copilot.audit_check(verify_audit)

    sections = (("Platform", platform), ("Agents", agents), ("Audit", audit))
    return HealthReport(
        start=start,
        end=end,
        sections=tuple(
            HealthSection(name=name, checks=tuple(_redacted(c, redact) for c in _guarded(name.lower(), checks)))
            for name, checks in sections
        ),
    )


def _guarded(name: str, checks: Callable[[], Iterable[HealthCheck]]) -> list[HealthCheck]:
    """The checks; those made before one broke are kept, and the breakage is a check of its own."""
    made: list[HealthCheck] = []
    try:
        made.extend(checks())
    except Exception as error:  # noqa: BLE001 a boundary: one broken check must not cost the report
        said = error.message if isinstance(error, VigiaError) else type(error).__name__
        made.append(HealthCheck(name=name, subject="report", status="harness_failed", summary=f"broke off: {said}"))
    return made


def _not_run(name: str, reason: str) -> HealthCheck:
    return HealthCheck(name=name, subject="report", status="not_run", summary=reason)


def _evidence(incidents: ReadsIncidents, ids: list[str]) -> list[Evidence]:
    return [piece for incident_id in ids for piece in incidents.evidence(incident_id)]


def _redacted(check: HealthCheck, redact: Callable[[str], str]) -> HealthCheck:
    try:
        figures = {k: redact(v) if isinstance(v, str) else v for k, v in check.figures.items()}
        return check.model_copy(update={"summary": redact(check.summary), "figures": figures})
    except VigiaError:
        update = {"status": "harness_failed", "summary": "withheld: it could not be redacted", "figures": {}}
        return check.model_copy(update=update)
