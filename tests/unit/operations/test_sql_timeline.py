from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from foundation.errors import Conflict
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.timeline import ChangeEvent, JobRun, UsageRecord

START = datetime(2026, 11, 19, 5, 0, tzinfo=UTC)
VIEW = "urn:vigia:feature_view:device_risk"
JOB = "urn:vigia:job:materialize-device_risk"
ENDPOINT = "urn:vigia:endpoint:fraud-legacy"


@pytest.fixture
def operations(engine: Engine) -> SqlOperations:
    return SqlOperations(engine)


def _change(number: int, kind: str = "deploy", subject: str = "urn:vigia:deployment:ingest-br") -> ChangeEvent:
    return ChangeEvent.model_validate(
        {
            "id": f"chg_{number}",
            "at": START + timedelta(minutes=number),
            "kind": kind,
            "subject": subject,
            "summary": f"change {number}",
            "author": "human:alice",
            "details": {"version": "4.7.0"},
        }
    )


def test_changes_are_filtered_and_oldest_first(operations: SqlOperations):
    for number, kind in ((3, "deploy"), (1, "config"), (2, "campaign")):
        operations.record_change(_change(number, kind))
    end = START + timedelta(minutes=3)
    assert [c.id for c in operations.changes(START, end)] == ["chg_1", "chg_2", "chg_3"]
    assert [c.id for c in operations.changes(START, end, kinds=["deploy", "config"])] == ["chg_1", "chg_3"]
    assert operations.changes(START, end, subjects=["urn:vigia:source:payments_ar"]) == []
    assert operations.changes(START, end, subjects=[]) == []
    assert operations.changes(START, START + timedelta(seconds=59)) == []
    assert operations.changes(end, end) == [_change(3)]


def test_a_change_event_is_never_rewritten(operations: SqlOperations):
    operations.record_change(_change(1))
    with pytest.raises(Conflict, match="'chg_1' is already recorded"):
        operations.record_change(_change(1, "config"))


def test_a_job_run_is_recorded_and_then_updated(operations: SqlOperations):
    run = JobRun(id="run_1", job=JOB, subject=VIEW, tenant="mx", started_at=START, status="running")
    operations.record_job(run)
    ended = run.model_copy(
        update={"status": "failed", "ended_at": START + timedelta(seconds=3), "error": "no device_id"}
    )
    operations.record_job(ended)
    later = run.model_copy(update={"id": "run_2", "started_at": START + timedelta(minutes=1)})
    operations.record_job(later)
    end = START + timedelta(hours=1)
    assert operations.job_runs(START, end) == [later, ended]
    assert operations.job_runs(START, end, job=JOB, subject=VIEW, limit=1) == [later]
    assert operations.job_runs(START, end, job="urn:vigia:job:online-compaction") == []


def test_usage_days_are_replaced_when_billing_restates_them(operations: SqlOperations):
    def day(number: int, cost: float) -> UsageRecord:
        return UsageRecord(
            day=date(2026, 11, number),
            resource_id=ENDPOINT,
            tenant="br",
            requests=4,
            replicas=12,
            cpu_utilization=0.004,
            p99_latency_ms=9.5,
            billed_cost=cost,
        )

    operations.record_usage([day(2, 57.6), day(1, 57.6)])
    operations.record_usage([day(2, 61.0)])
    operations.record_usage([])
    assert operations.usage(ENDPOINT, date(2026, 11, 1), date(2026, 11, 2)) == [day(1, 57.6), day(2, 61.0)]
    assert operations.usage(ENDPOINT, date(2026, 11, 3), date(2026, 11, 4)) == []
