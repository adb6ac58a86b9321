"""A rollout that nobody recorded gathers evidence from its first look on, not anew at each."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.running.rollout_watch import RolloutWatch
from platform_core.serving.prediction_log import DeltaPredictionLog
from platform_core.serving.rollouts.halting import Brake
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.offline_store import FakeOfflineStore


def test_its_beginning_stays_where_it_was(engine: Engine, clock: FixedClock) -> None:
    resources = SqlResources(engine, clock, FakeAuditLog(clock))
    spec = RolloutSpec(model="m", champion="1", canary="2", canary_percent=20, feature_service="f")
    resources.create("urn:vigia:endpoint:fraud-br", spec, tenant="br", actor="service:setup")
    log = DeltaPredictionLog(FakeOfflineStore())
    watch = RolloutWatch(resources, SqlOperations(engine), log, Brake(resources), clock)
    began: list[datetime | None] = []
    for _ in range(3):
        watch.step()
        began.append(watch.verdicts["fraud-br"].since)
        clock.advance(timedelta(seconds=5))
    assert began[0] is not None
    assert began == [began[0]] * 3
