"""A job failed again: its latest runs for one tenant did not succeed."""

from __future__ import annotations

from datetime import timedelta

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Watch, alert, watches
from platform_core.operations.timeline import JobRun
from platform_core.view import PlatformView

REACH = timedelta(hours=2)


class JobFailureMonitor:
    """`jobs-<view>-<tenant>` with the job's URN as subject; threshold: consecutive failures, e.g. 2."""

    prefix = "jobs"

    def __init__(self) -> None:
        self.readings: dict[str, float] = {}

    def check(self, view: PlatformView) -> list[Alert]:
        now = view.clock.now()
        runs: dict[str, list[JobRun]] = {}
        alerts: list[Alert] = []
        for watch in watches(view, self.prefix, 2):
            job = watch.spec.subject
            if job not in runs:
                runs[job] = view.operations.job_runs(now - REACH, now, job=job, limit=80)
            found = self._check(view, watch, runs[job])
            if found is not None:
                alerts.append(found)
        return alerts

    def _check(self, view: PlatformView, watch: Watch, runs: list[JobRun]) -> Alert | None:
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
            now=view.clock.now(),
            value=float(len(failures)),
            severity="critical",
            summary=f"materialize-{watch.parts[0]} failed {len(failures)} times in a row for {watch.tenant}: {error}",
        )
