"""One suite over the jobs' port: Databricks on a scripted server, by both versions of its API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from foundation.errors import Forbidden, NotFound, Unavailable
from platform_core.attached.databricks import DatabricksJobs
from platform_core.attached.jobs import Jobs
from tests.fakes.attached_platforms import ScriptedDatabricks
from tests.fakes.scripted_http import scripted_server

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TOKEN = "dapi-canary"


@dataclass
class Shop:
    """`end(run, ok)` lets a run end; `job` is one of its jobs."""

    jobs: Jobs
    job: str
    end: Callable[[str, bool], None]


@pytest.fixture(params=["databricks 2.1", "databricks 2.2"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    script = ScriptedDatabricks(TOKEN, version=request.param.split()[1])
    with scripted_server(script) as server:
        jobs = DatabricksJobs(server.address, lambda: TOKEN, version=script.version)
        yield Shop(
            jobs,
            "nightly features",
            lambda run, ok: script.finish(run, "SUCCESS" if ok else "RUN_EXECUTION_ERROR", "" if ok else "boom"),
        )


def test_a_job_runs_and_ends(shop: Shop) -> None:
    assert shop.job in shop.jobs.list_jobs()
    assert shop.jobs.runs(LONG_AGO) == []
    run = shop.jobs.run_now(shop.job, key="k1")
    (running,) = shop.jobs.runs(LONG_AGO, job=shop.job)
    assert (running.id, running.status, running.ended_at) == (run, "running", None)
    shop.end(run, True)
    (done,) = shop.jobs.runs(LONG_AGO)
    assert (done.status, done.error) == ("succeeded", None)
    assert done.ended_at is not None
    assert shop.job.split()[0] in done.job


def test_a_failure_says_why(shop: Shop) -> None:
    run = shop.jobs.run_now(shop.job, key="k1")
    shop.end(run, False)
    (failed,) = shop.jobs.runs(LONG_AGO)
    assert (failed.status, failed.error) == ("failed", "boom")


def test_the_same_key_starts_once(shop: Shop) -> None:
    first = shop.jobs.run_now(shop.job, key="k1")
    assert shop.jobs.run_now(shop.job, key="k1") == first
    assert shop.jobs.run_now(shop.job, key="k2") != first
    assert len(shop.jobs.runs(LONG_AGO)) == 2


def test_a_run_is_cancelled(shop: Shop) -> None:
    run = shop.jobs.run_now(shop.job, key="k1")
    shop.jobs.cancel(run)
    assert shop.jobs.runs(LONG_AGO)[0].status == "cancelled"
    shop.jobs.cancel(run)
    with pytest.raises(NotFound):
        shop.jobs.cancel("12345")


def test_what_is_not_there_is_said(shop: Shop) -> None:
    with pytest.raises(NotFound, match="known: "):
        shop.jobs.run_now("nothing", key="k")
    with pytest.raises(NotFound, match="known: "):
        shop.jobs.runs(LONG_AGO, job="nothing")
    assert shop.jobs.runs(datetime.now(UTC) + timedelta(days=1)) == []


def test_databricks_pages_names_and_old_states() -> None:
    script = ScriptedDatabricks(TOKEN)
    with scripted_server(script) as server:
        jobs = DatabricksJobs(server.address, lambda: TOKEN, version="2.1", tenant="br")
        assert jobs.list_jobs() == ["backfill#12", "backfill#13", "nightly features"]
        runs = [jobs.run_now("backfill#13", key=f"k{number}") for number in range(5)]
        script.started[int(runs[0])] |= {
            "status": {},
            "state": {"life_cycle_state": "INTERNAL_ERROR", "result_state": "FAILED", "state_message": "lost"},
        }
        script.started[int(runs[1])] |= {"status": {}, "state": {"life_cycle_state": "PENDING"}}
        found = jobs.runs(LONG_AGO, job="backfill#13")
        assert [run.id for run in found] == runs[::-1]
        assert [(run.status, run.error) for run in found[-2:]] == [("running", None), ("failed", "lost")]
        assert len(jobs.runs(LONG_AGO, limit=3)) == 3
        assert {run.tenant for run in found} == {"br"}
        assert all(asked.path.startswith("/api/2.1/jobs/") for asked in server.asked)


def test_databricks_refuses_or_is_away() -> None:
    script = ScriptedDatabricks(TOKEN)
    with scripted_server(script) as server:
        with pytest.raises(Forbidden, match="Invalid access token") as refused:
            DatabricksJobs(server.address, lambda: "dapi-other-canary").list_jobs()
        script.down = True
        with pytest.raises(Unavailable, match="503"):
            DatabricksJobs(server.address, lambda: TOKEN).list_jobs()
    with pytest.raises(Unavailable, match="cannot be reached"):
        DatabricksJobs("http://127.0.0.1:1", lambda: TOKEN).list_jobs()
    assert "canary" not in str(refused.value)
