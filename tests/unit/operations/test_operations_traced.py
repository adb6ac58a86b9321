"""A change of a resource and a run somebody asked for are spans."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Conflict, InvalidInput
from foundation.telemetry.traces import configure_traces
from platform_core.features.recorded_run import recorded
from platform_core.operations.resources import SourceSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.timeline import JobRun
from tests.fakes.audit_log import FakeAuditLog

SOURCE, JOB = "urn:vigia:source:payments_br", "urn:vigia:job:backfill-cards"


@pytest.fixture
def seen() -> Iterator[InMemorySpanExporter]:
    seen = InMemorySpanExporter()
    configure_traces("vigia-test", processors=(SimpleSpanProcessor(seen),))
    yield seen
    configure_traces("vigia-test")


def test_a_changed_resource(seen: InMemorySpanExporter, engine: Engine, clock: FixedClock) -> None:
    resources = SqlResources(engine, clock, FakeAuditLog(clock))
    resources.create(SOURCE, SourceSpec(), tenant="br", actor="service:setup")

    def patch(revision: int) -> None:
        resources.patch(
            SOURCE, {"field_mapping": {"a": "b"}}, expected_revision=revision, idempotency_key=f"k{revision}",
            actor="human:ana", reason="renamed",
        )  # fmt: skip

    patch(1)
    with pytest.raises(Conflict):
        patch(1 + 5)
    done, refused = seen.get_finished_spans()
    assert done.name == refused.name == f"change_resource {SOURCE}"
    assert dict(done.attributes or {}) == {"vigia.subject": SOURCE, "vigia.fields": "field_mapping"}
    assert (refused.attributes or {})["error.type"] == "Conflict"


def test_a_run(seen: InMemorySpanExporter, engine: Engine, clock: FixedClock) -> None:
    for fails in (False, True):
        run = JobRun(id=f"r{fails}", job=JOB, subject=SOURCE, tenant="br", started_at=clock.now(), status="running")
        with recorded(SqlOperations(engine), clock, run, "backfill", "human:ana") as tally:
            tally.add(7, {})
            if fails:
                raise InvalidInput("no such column")
    done, failed = seen.get_finished_spans()
    assert done.name == f"run_job {JOB}"
    assert (done.attributes or {})["vigia.rows"] == 7
    assert (failed.status.status_code.name, failed.status.description) == ("ERROR", "no such column")
