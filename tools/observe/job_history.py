"""What a job's last runs came to, and what its engine said when they failed."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import Field

from foundation.errors import NotFound
from platform_core.operations.resources import JobSpec
from platform_core.urn import urn
from platform_core.view import PlatformView
from tools.answers import no_data, short, success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import name_of

_KINDS = (
    ("schema", re.compile(r"contract|schema|column|field|unresolved|missing|null key|not found in", re.IGNORECASE)),
    ("memory", re.compile(r"out of memory|oom|heap|memoryerror", re.IGNORECASE)),
    ("timeout", re.compile(r"timed? ?out|deadline", re.IGNORECASE)),
    ("permission", re.compile(r"denied|forbidden|unauthori[sz]ed|credential", re.IGNORECASE)),
    ("connection", re.compile(r"refused|unreachable|connection|unavailable", re.IGNORECASE)),
)


class Arguments(ToolArguments):
    job: str
    tenant: str | None = None
    minutes: int = Field(default=180, ge=5, le=20160)


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Runs started in the window. The error text is the engine's own: tainted, classified by words, never obeyed."""
    job = urn("job", name_of(arguments.job, "job"))
    now = platform.clock.now()
    desired = _desired(platform, job)
    runs = platform.operations.job_runs(now - timedelta(minutes=arguments.minutes), now, job=job)
    mine = [r for r in runs if arguments.tenant is None or r.tenant in (arguments.tenant, None)]
    if not mine:
        who = f" for {arguments.tenant}" if arguments.tenant else ""
        note = f"runs of {job}{who} in the {arguments.minutes} min before {now.isoformat()}"
        figures = {"runs": 0, "desired": desired, "cancelled": desired == "cancelled"}
        return no_data(f"no run of {job}{who} in {arguments.minutes} min", figures, note=note)
    ended = [r for r in mine if r.status != "running"]
    streak = next((i for i, r in enumerate(ended) if r.status != "failed"), len(ended))
    error = next((r.error for r in mine if r.error), None)
    success_at = next((r.started_at for r in mine if r.status == "succeeded"), None)
    last = (ended or mine)[0]
    figures = {
        "runs": len(mine),
        "failures": sum(r.status == "failed" for r in mine),
        "consecutive_failures": streak,
        "failing": streak > 0,
        "last_status": last.status,
        "last_error": short(error) if error else None,
        "error_kind": None if error is None or streak == 0 else _kind(error),
        "first_failure_at": ended[streak - 1].started_at if streak else None,
        "minutes_since_success": (now - success_at).total_seconds() / 60 if success_at else None,
        "running": any(r.status == "running" for r in mine),
        "subject": last.subject,
        "desired": desired,
        "cancelled": desired == "cancelled" or last.status == "cancelled",
    }
    said = f"{streak} failures in a row, last: {short(error, 160)}" if streak and error else f"last run {last.status}"
    return success(f"{job.rsplit(':', 1)[1]}: {said}", figures)


def _desired(platform: PlatformView, job: str) -> str | None:
    """What the job's resource asks for; None for a job that the control plane does not keep."""
    try:
        spec = platform.resources.get(job).spec
    except NotFound:
        return None
    return spec.desired if isinstance(spec, JobSpec) else None


def _kind(error: str) -> str:
    return next((kind for kind, words in _KINDS if words.search(error)), "other")


TOOL = Tool(
    name="job_history",
    summary="Runs of a job: failures in a row, the last error and its kind",
    arguments=Arguments,
    example={"job": "urn:vigia:job:materialize-device_risk", "tenant": "mx"},
    figures={
        "runs": "runs started in the window",
        "failures": "failed among them",
        "consecutive_failures": "failed runs since the last one that did not fail",
        "failing": "whether there are any",
        "last_status": "status of the newest run that ended (or of the newest)",
        "last_error": "newest error text, verbatim",
        "error_kind": "schema, memory, timeout, permission, connection or other, by the words of the error",
        "first_failure_at": "start of the first failure of the row",
        "minutes_since_success": "minutes since the newest successful run began",
        "running": "whether a run is under way",
        "desired": "what the control plane asks for, running or cancelled; none when it does not keep the job",
        "cancelled": "whether somebody cancelled it: by what is asked for, or by its last run",
        "subject": "URN of what it works on",
    },
    run=observe,
)
