"""`vigia health report`."""

from __future__ import annotations

from pathlib import Path

from agents.health.report import HealthReport, build_health_report, render_markdown
from agents.incident.feedback import FeedbackDesk
from interfaces.bootstrap.checkpoints import verify_stored_log
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.platform import platform_view
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.stores import make_incidents
from interfaces.bootstrap.tool_calls import audited_runs
from interfaces.settings import Settings
from tools.registry import observe_tools
from tools.runner import ToolRunner


def write_health_report(settings: Settings) -> tuple[HealthReport, str, Path]:
    """The report, as Markdown too, and the file it was written to."""
    base = open_foundations(settings)
    platform = platform_view(base)
    redact = redactor(base.settings).redact
    report = build_health_report(
        clock=base.clock,
        catalog=platform.catalog,
        lineage=platform.lineage,
        runner=ToolRunner(platform, observe_tools(), redact=redact, on_run=audited_runs(base.audit, "agent:health")),
        incidents=make_incidents(base),
        approvals=make_approvals(base, make_policy(settings)),
        feedback=FeedbackDesk(base.engine, base.clock, base.audit),
        verify_audit=lambda: verify_stored_log(base),
        redact=redact,
    )
    markdown = render_markdown(report)
    path = settings.data_dir / "reports" / f"health-{report.end:%Y%m%d-%H%M}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(markdown, encoding="utf-8")
    return report, markdown, path
