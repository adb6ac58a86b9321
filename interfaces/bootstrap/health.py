"""`vigia health report`, and the one that the worker writes every night."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents.health.nightly import Nightly
from agents.health.report import HealthReport, build_health_report, render_markdown
from agents.incident.feedback import FeedbackDesk
from guardrails.approvals.break_glass import BreakGlass
from interfaces.bootstrap.checkpoints import verify_stored_log
from interfaces.bootstrap.foundations import Foundations, open_existing
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.platform import platform_view
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.slack import slack_report_readers
from interfaces.bootstrap.stores import make_incidents
from interfaces.bootstrap.tool_calls import audited_runs
from interfaces.settings import Settings
from tools.registry import observe_tools
from tools.runner import ToolRunner


def write_health_report(settings: Settings) -> tuple[HealthReport, str, Path]:
    """The report, as Markdown too, and the file it was written to."""
    report = health_report(open_existing(settings))
    markdown = render_markdown(report)
    path = settings.data_dir / "reports" / f"health-{report.end:%Y%m%d-%H%M}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(markdown, encoding="utf-8")
    return report, markdown, path


def health_report(base: Foundations) -> HealthReport:
    """Everything, checked now."""
    platform = platform_view(base)
    policy = make_policy(base.settings)
    redact = redactor(base.settings).redact
    return build_health_report(
        clock=base.clock,
        catalog=platform.catalog,
        lineage=platform.lineage,
        runner=ToolRunner(platform, observe_tools(), redact=redact, on_run=audited_runs(base.audit, "agent:health")),
        incidents=make_incidents(base),
        approvals=make_approvals(base, policy),
        feedback=FeedbackDesk(base.engine, base.clock, base.audit),
        verify_audit=lambda: verify_stored_log(base),
        broken_glass=lambda: BreakGlass(base.engine, base.clock, base.audit, policy).all(unreviewed=True),
        redact=redact,
    )


def nightly_chores(base: Foundations) -> list[Callable[[], object]]:
    """What the worker does beside its work to have a health report every night; nothing where nobody wants one."""
    settings = base.settings
    if not settings.health.nightly:
        return []
    nightly = Nightly(
        base.engine,
        base.clock,
        base.audit,
        at=settings.health.at,
        build=lambda: health_report(base),
        directory=settings.data_dir / "reports",
        readers=slack_report_readers(base),
    )
    return [nightly.step]
