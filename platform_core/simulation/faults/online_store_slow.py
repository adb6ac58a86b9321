"""The compaction of the online store starts, and every read waits behind it."""

from __future__ import annotations

from foundation.ids import new_id
from platform_core.operations.timeline import ChangeEvent, JobRun
from platform_core.simulation.faults.fault import Fault
from platform_core.simulation.slow_store import COMPACTION_JOB
from platform_core.simulation.world import World
from platform_core.urn import urn


def _inject(world: World) -> None:
    now = world.clock.now()
    run = JobRun(id=new_id("run"), job=COMPACTION_JOB, subject=urn("store", "online"), started_at=now, status="running")
    world.operations.record_job(run)
    world.operations.record_change(
        ChangeEvent(
            id=new_id("chg"),
            at=now,
            kind="job",
            subject=COMPACTION_JOB,
            summary="online-compaction started by its schedule",
            author="service:scheduler",
            details={"run": run.id},
        )
    )
    world.resources.report_status(COMPACTION_JOB, {"state": "running", "run": run.id, "since": now.isoformat()})


FAULT = Fault("online_store_slow", "A compaction slows the online store", "online_store_slow", _inject)
