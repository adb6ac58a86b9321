"""What probes say about trouble planted where payments are answered: versions, stores, jobs, baselines, rollbacks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from platform_core.operations.resources import JobSpec, MonitorSpec, RolloutSpec, SourceSpec
from platform_core.operations.timeline import JobRun, UsageRecord
from platform_core.urn import urn
from tests.fakes.observed_platform import NOW, ONSET, ObservedPlatform, observed_platform
from tests.fakes.probing import ask, minutes_off, set_column, times, update_spec

compute: Any = pyarrow.compute

SOURCE = urn("source", "payments_br")


@pytest.fixture
def platform() -> ObservedPlatform:
    return observed_platform()


def test_a_canary_that_is_worse(platform: ObservedPlatform) -> None:
    rows = platform.predictions.rows
    recent = np.asarray(rows["ts"].cast(pa.int64())) >= ONSET.timestamp() * 1e6
    canary = recent & (np.asarray(rows["endpoint"].to_pylist()) == "fraud-br") & (np.arange(rows.num_rows) % 4 == 0)
    score = np.where(canary, 0.7, rows["score"].to_numpy())
    rows = set_column(rows, "variant", pa.array(np.where(canary, "canary", "champion")))
    rows = set_column(rows, "model_version", pa.array(np.where(canary, "2", "1")))
    rows = set_column(set_column(rows, "score", pa.array(score)), "declined", pa.array(score > 0.2))
    platform.replant_predictions(rows)
    update_spec(platform, urn("endpoint", "fraud-br"), canary="2", canary_percent=25)
    figures = ask(platform, "score_distribution", endpoint="fraud-br").figures
    assert figures["canary_worse"] is True
    assert figures["canary_version"] == "2"
    assert figures["champion_shifted"] is False
    assert figures["shifted"] is True
    rollout = ask(platform, "rollout_status", endpoint="fraud-br").figures
    assert (rollout["has_canary"], rollout["converged"], rollout["serving_canary_gone"]) == (True, False, False)


def test_a_slow_store(platform: ObservedPlatform) -> None:
    rows = platform.predictions.rows
    recent = np.asarray(rows["ts"].cast(pa.int64())) >= ONSET.timestamp() * 1e6
    for column in ("store_ms", "latency_ms"):
        rows = set_column(rows, column, pa.array(rows[column].to_numpy() + np.where(recent, 80.0, 0.0)))
    platform.replant_predictions(rows)
    figures = ask(platform, "latency_breakdown", endpoint="fraud-br").figures
    assert figures["slow_part"] == "store"
    assert (figures["store_slower"], figures["model_slower"], figures["over_sla"]) == (True, False, True)
    assert figures["store_p50"] == pytest.approx(82, abs=3)
    assert figures["store_p50_before"] == pytest.approx(1.9, abs=1)
    assert minutes_off(figures["changed_at"], ONSET) < 1


def test_a_job_that_fails(platform: ObservedPlatform) -> None:
    job = urn("job", "materialize-device_risk")
    for minute in range(5):
        platform.operations.runs.append(
            JobRun(
                id=f"failed-{minute}",
                job=job,
                subject=urn("feature_view", "device_risk"),
                tenant="br",
                started_at=NOW - timedelta(seconds=30 - minute),
                ended_at=NOW,
                status="failed",
                error="contract broken: column 'device_id' is null in 28 of 28 new rows",
            )
        )
    figures = ask(platform, "job_history", job=job, tenant="br").figures
    assert figures["consecutive_failures"] == 5
    assert (figures["failing"], figures["error_kind"], figures["last_status"]) == (True, "schema", "failed")
    assert ask(platform, "job_history", job=job, tenant="ar").figures["failing"] is False
    assert ask(platform, "job_history", job="nightly-export").status == "no_data"


def test_an_idle_endpoint(platform: ObservedPlatform) -> None:
    endpoint = urn("endpoint", "fraud-ar")
    update_spec(platform, endpoint, replicas=12)
    platform.operations.usages = [
        UsageRecord(
            day=NOW.date() - timedelta(days=age),
            resource_id=endpoint,
            tenant="ar",
            requests=40 if age <= 14 else 250_000,
            replicas=12,
            cpu_utilization=0.006 if age <= 14 else 0.4,
            p99_latency_ms=11,
            billed_cost=57.6,
        )
        for age in range(30, 0, -1)
    ]
    figures = ask(platform, "usage_cost", endpoint="fraud-ar").figures
    assert (figures["idle"], figures["suggested_replicas"]) == (True, 1)
    assert figures["monthly_saving_usd"] == pytest.approx(57.6 * 30.4 * 11 / 12, rel=0.01)
    assert figures["requests_ratio"] < 0.2  # type: ignore[operator]
    assert ask(platform, "usage_cost", endpoint="fraud-br").status == "no_data"


def test_a_new_baseline(platform: ObservedPlatform) -> None:
    platform.plant("br", times(1.9), since=NOW - timedelta(hours=1))
    before = ask(platform, "drift_against_baseline", source="payments_br", column="amount", minutes=30).figures
    assert before["drifted"] is True
    update_spec(platform, urn("monitor", "drift-payments_br-amount"), baseline_since=NOW - timedelta(hours=1))
    after = ask(platform, "drift_against_baseline", source="payments_br", column="amount", minutes=30).figures
    assert (after["drifted"], after["rebaselined"]) == (False, True)


def test_a_new_baseline_is_not_compared_with_itself(platform: ObservedPlatform) -> None:
    """Rows that are both reference and sample have a PSI of zero, whatever they are."""
    monitor = urn("monitor", "drift-payments_br-amount")
    update_spec(platform, monitor, baseline_since=ONSET)
    young = ask(platform, "drift_against_baseline", source="payments_br", column="amount")
    assert (young.status, young.figures.get("drifted")) == ("no_data", None)
    update_spec(platform, monitor, baseline_since=NOW - timedelta(hours=1))
    platform.plant("br", times(2.5))
    later = ask(platform, "drift_against_baseline", source="payments_br", column="amount").figures
    assert later["drifted"] is True, "what moves after the new baseline is seen"


def test_a_campaign_counts_for_its_tenant_only(platform: ObservedPlatform) -> None:
    platform.event("campaign", SOURCE, at=ONSET - timedelta(hours=1), summary="Night Sale")
    mine = ask(platform, "change_events", subject=urn("feature_view", "card_velocity"), tenant="br").figures
    assert mine["campaign_count"] == 1
    theirs = ask(platform, "change_events", subject=urn("source", "payments_ar")).figures
    assert theirs["events"] == 0


def test_what_came_after_the_onset_is_no_suspect(platform: ObservedPlatform) -> None:
    platform.plant("br", times(100.0))
    platform.deploy("br", "4.7.1", at=NOW - timedelta(minutes=3))
    figures = ask(platform, "change_events", subject=SOURCE, column="amount").figures
    assert figures["deploy_count"] == 1
    assert figures["deploy_at"] is None
    assert figures["nearest_kind"] is None


def test_the_specs_planted_here_are_those_of_the_platform() -> None:
    resources = observed_platform().resources
    kinds = {type(r.spec) for r in resources.list()}
    assert {JobSpec, MonitorSpec, RolloutSpec, SourceSpec} <= kinds


def test_rows_since_a_rollback_are_judged_by_when_they_were_stored(platform: ObservedPlatform) -> None:
    """The old rows keep their nulls: only new ones can show that a rollback worked."""
    deployment = urn("deployment", "ingest-br")
    platform.plant("br", lambda rows: set_column(rows, "amount", pa.nulls(rows.num_rows, pa.float64())))
    usual = {"source": "payments_br", "changed": deployment, "usual_until": ONSET.isoformat()}
    _changed(platform, deployment, ONSET)
    assert ask(platform, "rows_since_change", **usual).figures["null_columns"] == "amount"
    _changed(platform, deployment, NOW - timedelta(minutes=2))
    assert ask(platform, "rows_since_change", **usual).status == "no_data", "eight rows are no proof"
    _changed(platform, deployment, ONSET - timedelta(hours=3))
    early = usual | {"usual_until": (ONSET - timedelta(hours=3)).isoformat()}
    assert ask(platform, "rows_since_change", **early).figures["as_before"] is False


def test_rows_since_a_rollback_must_have_their_old_level(platform: ObservedPlatform) -> None:
    deployment = urn("deployment", "ingest-br")
    usual = {"source": "payments_br", "changed": deployment, "usual_until": ONSET.isoformat()}
    _changed(platform, deployment, ONSET)
    assert ask(platform, "rows_since_change", **usual).figures["as_before"] is True
    platform.plant("br", times(2.5))
    assert ask(platform, "rows_since_change", **usual).figures["moved_columns"] == "amount"


def _changed(platform: ObservedPlatform, name: str, at: datetime) -> None:
    platform.resources.by_urn[name] = platform.resources.by_urn[name].model_copy(update={"updated_at": at})


def test_one_decline_among_three_requests_is_no_shift(platform: ObservedPlatform) -> None:
    """A two-proportion z of a handful is over 4 although nothing happened."""
    rows = platform.predictions.rows
    times = np.asarray(rows["ts"].cast(pa.int64()).to_numpy())
    mine = np.asarray(rows["endpoint"].to_pylist()) == "fraud-br"
    recent = np.flatnonzero(mine & (times >= (NOW - timedelta(minutes=10)).timestamp() * 1e6))
    keep = np.ones(rows.num_rows, dtype=bool)
    keep[recent[3:]] = False
    declined = np.asarray(rows["declined"].to_pylist())
    declined[mine] = np.arange(mine.sum()) % 500 == 0
    declined[recent[0]] = True
    platform.replant_predictions(set_column(rows, "declined", pa.array(declined)).filter(pa.array(keep)))
    figures = ask(platform, "score_distribution", endpoint="fraud-br").figures
    assert figures["requests"] == 3
    assert figures["shifted"] is None
    assert figures["decline_z"] is None, "no proof of a recovery either"


@pytest.mark.parametrize("change", ["level", "nulls"])
def test_a_deploy_between_a_payment_and_its_arrival_came_before(platform: ObservedPlatform, change: str) -> None:
    """Under load a payment is published minutes after it happened, by whatever version is deployed by then."""
    late = int((ONSET + timedelta(minutes=6)).timestamp() * 1e6)

    def publish(rows: pa.Table) -> pa.Table:
        spoiled = (
            times(100.0)(rows)
            if change == "level"
            else set_column(rows, "amount", pa.nulls(rows.num_rows, pa.float64()))
        )
        stored = np.maximum(spoiled["ingested_at"].cast(pa.int64()).to_numpy(), late)
        return set_column(spoiled, "ingested_at", pa.array(stored).cast(spoiled["ingested_at"].type))

    platform.plant("br", publish)
    platform.deploy("br", "4.7.0", at=ONSET + timedelta(minutes=5))
    figures = ask(platform, "change_events", subject=SOURCE, column="amount").figures
    assert figures["deploy_version"] == "4.7.0"
    assert figures["deploy_minutes_before"] == pytest.approx(1, abs=0.5)


def test_what_was_delivered_twice_or_lacks_a_value_is_no_mismatch(platform: ObservedPlatform) -> None:
    """Materialization counts an event once and rows, not values: so must who checks it."""
    platform.plant("br", lambda rows: pa.concat_tables([rows, rows]))
    assert ask(platform, "parity", view="card_velocity", tenant="br", sample=200).figures["mismatches"] == 0
    platform.plant("ar", lambda rows: set_column(rows, "event_id", pa.nulls(rows.num_rows, pa.string())))
    figures = ask(platform, "parity", view="card_velocity", tenant="ar", sample=200).figures
    assert figures["mismatches"] == 0, "a count counts rows"
