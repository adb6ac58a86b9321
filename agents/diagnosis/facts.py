"""Facts that several causes need."""

from __future__ import annotations

from datetime import datetime, timedelta

from agents.diagnosis.case import Case
from agents.diagnosis.cause import Facts

DEPLOY_REACH = timedelta(minutes=20)


def source_facts(case: Case) -> Facts:
    """The source, its tenant and deployment, from probes that found them in the catalog."""
    deployment = case.text("connector_status", "deployment")
    return {
        "source": case.argument("source"),
        "tenant": case.tenant,
        "deployment": deployment,
        "service": deployment.rsplit(":", 1)[-1] if deployment else None,
        "endpoint": case.argument("endpoint", "score_distribution"),
    }


def change_facts(case: Case) -> Facts:
    """The column that changed, since when, and the deploy before it in words for the title."""
    source = case.argument("source")
    # when it began must be read off the very source that an action would be about
    case = case if source is None else case.about(source)
    column = case.argument("column", "column_profile")
    changed = _time(case.text("column_profile", "changed_at"))
    deployed = _time(case.text("change_events", "deploy_at"))
    minutes = case.number("change_events", "deploy_minutes_before")
    near = deployed is not None and minutes is not None and minutes <= DEPLOY_REACH.total_seconds() / 60
    since = min((t for t in (changed, deployed if near else None) if t is not None), default=None)
    version = case.text("change_events", "deploy_version")
    after = ""
    if near:
        service = (case.text("change_events", "deploy_subject") or "").rsplit(":", 1)[-1]
        after = f" after deploy {service} {version or ''}".rstrip()
    return {
        "column": column,
        "changed_at": changed.isoformat() if changed else None,
        "since": since.isoformat() if since else None,
        "version": version if near else None,
        "after": after,
    }


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
