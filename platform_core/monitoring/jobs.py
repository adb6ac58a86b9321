"""A job failed again: its latest runs for one tenant did not succeed."""

from __future__ import annotations

from datetime import timedelta

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.operations.timeline import JobRun
from platform_core.view import PlatformView

REACH = timedelta(hours=2)


class JobFailureMonitor(Monitor):
    """`jobs-<view>-<tenant>` with the job's URN as subject; threshold: consecutive failures, e.g. 2."""

    prefix = "jobs"
    watched = "view"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        now = view.clock.now()
        runs = view.operations.job_runs(now - REACH, now, job=watch.spec.subject, limit=80)
        failures: list[JobRun] = []
        for run in runs:
            if run.tenant != watch.tenant or run.status == "running":
                continue
            if run.status != "failed":
                break
            failures.append(run)
        self.readings[watch.name] = float(len(failures))
        if len(failures) < watch.spec.threshold:
            return None
        error = (failures[0].error or "no error text").splitlines()[0][:300]
        return alert(
            watch,
            "job_failure",
            now=now,
            value=float(len(failures)),
            severity="critical",
            summary=f"materialize-{watch.parts[0]} failed {len(failures)} times in a row for {watch.tenant}: {error}",
        )
