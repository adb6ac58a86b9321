"""What probes say about trouble that was planted: the right figures, and the right minute."""

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
from tools.contract import Figure, Observation
from tools.registry import observe_tools
from tools.runner import ToolRunner

compute: Any = pyarrow.compute
SOURCE = urn("source", "payments_br")


@pytest.fixture
def platform() -> ObservedPlatform:
    return observed_platform()


def ask(platform: ObservedPlatform, tool: str, **arguments: Any) -> Observation:
    observation = ToolRunner(platform.view, observe_tools()).run(tool, arguments).observation
    assert observation.status != "error", observation
    return observation


def minutes_off(figure: Figure, moment: datetime) -> float:
    assert isinstance(figure, str)
    return abs((datetime.fromisoformat(figure) - moment).total_seconds()) / 60


def _set(rows: pa.Table, column: str, values: Any) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(column), column, values)


def _times(factor: float) -> Any:
    return lambda rows: _set(rows, "amount", compute.multiply(rows["amount"], factor))


def _update(platform: ObservedPlatform, name: str, **fields: Any) -> None:
    resource = platform.resources.by_urn[name]
    spec = type(resource.spec).model_validate({**resource.spec.model_dump(), **fields})
    platform.resources.by_urn[name] = resource.model_copy(update={"spec": spec})


def test_a_change_of_unit(platform: ObservedPlatform) -> None:
    platform.plant("br", _times(100.0))
    platform.deploy("br", "4.7.0")
    profile = ask(platform, "column_profile", source="payments_br", column="amount")
    assert profile.figures["changed"] is True
    assert profile.figures["unit_factor"] == 100
    assert profile.figures["same_shape"] is True
    assert profile.figures["ratio"] == pytest.approx(100, rel=0.35)
    assert minutes_off(profile.figures["changed_at"], ONSET) < 1
    assert profile.chart is not None
    assert profile.chart.marks
    segments = ask(platform, "segment_compare", column="amount").figures
    assert (segments["moved_sources"], segments["unmoved_sources"]) == ("payments_br", "payments_ar")
    agreement = ask(platform, "request_agreement", source="payments_br", endpoint="fraud-br").figures
    assert agreement["agrees"] is False
    assert agreement["request_moved"] is False
    assert agreement["source_over_request"] == pytest.approx(100, rel=0.01)
    assert agreement["rows_per_request"] == pytest.approx(1, abs=0.01)
    changes = ask(platform, "change_events", subject=SOURCE, column="amount").figures
    assert changes["deploy_version"] == "4.7.0"
    assert changes["deploy_minutes_before"] == pytest.approx(1, abs=0.5)
    drift = ask(platform, "drift_against_baseline", source="payments_br", column="amount").figures
    assert drift["drifted"] is True
    assert drift["threshold"] == 0.25


def test_a_shift_of_the_population(platform: ObservedPlatform) -> None:
    rng = np.random.default_rng(1)

    def richer(rows: pa.Table) -> pa.Table:
        return _set(rows, "amount", pa.array(rows["amount"].to_numpy() * np.exp(rng.normal(0.9, 0.5, rows.num_rows))))

    platform.plant("br", richer)
    rows, truth = platform.predictions.rows, platform.offline.read("payments_br", start=ONSET)
    late = compute.and_(
        compute.equal(rows["endpoint"], "fraud-br"),
        compute.greater_equal(rows["ts"], pa.scalar(ONSET, rows["ts"].type)),
    )
    amount = np.array(rows["amount"])
    amount[np.array(late)] = truth["amount"].to_numpy()
    platform.replant_predictions(_set(rows, "amount", pa.array(amount)))
    figures = ask(platform, "request_agreement", source="payments_br", endpoint="fraud-br").figures
    assert figures["agrees"] is True
    assert figures["source_moved"] is True
    assert figures["request_moved"] is True
    assert figures["same_move"] is True
    assert ask(platform, "column_profile", source="payments_br", column="amount").figures["unit_factor"] is None


def test_a_null_burst(platform: ObservedPlatform) -> None:
    rng = np.random.default_rng(2)

    def lossy(rows: pa.Table) -> pa.Table:
        lost = pa.array(rng.random(rows.num_rows) < 0.35)
        return _set(rows, "amount", compute.if_else(lost, pa.scalar(None, pa.float64()), rows["amount"]))

    platform.plant("br", lossy)
    quality = ask(platform, "source_quality", source="payments_br").figures
    assert quality["breaches"] == 1
    assert (quality["value_nulls"], quality["key_nulls"]) == (True, False)
    assert quality["worst_column"] == "amount"
    assert quality["null_rate_amount"] == pytest.approx(0.35, abs=0.15)
    profile = ask(platform, "column_profile", source="payments_br", column="amount").figures
    assert (profile["changed"], profile["nulls_changed"]) == (False, True)
    assert minutes_off(profile["changed_at"], ONSET) < 2
    assert ask(platform, "segment_compare", column="amount").figures["only_one_moved"] is True


def test_a_renamed_column_and_its_mapping(platform: ObservedPlatform) -> None:
    def renamed(rows: pa.Table) -> pa.Table:
        return rows.rename_columns(["device_fingerprint" if c == "device_id" else c for c in rows.column_names])

    platform.plant("br", renamed)
    platform.deploy("br", "4.7.0")
    diff = ask(platform, "schema_diff", source="payments_br").figures
    assert (diff["renamed"], diff["renamed_from"], diff["renamed_to"]) == (True, "device_id", "device_fingerprint")
    assert minutes_off(diff["renamed_at"], ONSET) < 1
    assert ask(platform, "source_quality", source="payments_br").figures["key_nulls"] is True
    changes = ask(platform, "change_events", subject=SOURCE, column="amount", onset=NOW.isoformat()).figures
    assert changes["deploy_minutes_before"] == pytest.approx(1, abs=0.5), "the null rate of another column is the onset"
    _update(platform, SOURCE, field_mapping={"device_id": "device_fingerprint"})
    assert ask(platform, "schema_diff", source="payments_br").figures["already_mapped"] is True
    assert ask(platform, "source_quality", source="payments_br").figures["breaches"] == 0


def test_a_source_that_stopped(platform: ObservedPlatform) -> None:
    platform.plant("br", lambda rows: rows.slice(0, 0))
    platform.resources.report(urn("connector", "payments_br"), state="failed", error="coordinator not available")
    volume = ask(platform, "source_volume", source="payments_br").figures
    assert volume["silent"] is True
    assert volume["silent_minutes"] == pytest.approx(15, abs=1.5)
    assert volume["usual_per_minute"] == pytest.approx(4, rel=0.2)
    status = ask(platform, "connector_status", source="urn:vigia:source:payments_br")
    assert (status.figures["up"], status.figures["failed"]) == (False, True)
    assert "coordinator not available" in status.summary
    agreement = ask(platform, "request_agreement", source="payments_br", endpoint="fraud-br")
    assert agreement.status == "no_data"
    assert agreement.figures["rows_per_request"] == 0
    assert ask(platform, "source_quality", source="payments_br", minutes=10).status == "no_data"


def test_a_view_that_is_not_materialized(platform: ObservedPlatform) -> None:
    stale = {
        k: r for k, r in platform.online.rows["br", "card_velocity"].items() if r.event_ts < NOW - timedelta(hours=1)
    }
    platform.online.rows["br", "card_velocity"] = stale
    figures = ask(platform, "freshness", view="card_velocity", tenant="br").figures
    assert figures["over_sla"] is True
    assert figures["materialization_behind"] is True
    assert figures["offline_lag_seconds"] < 120  # type: ignore[operator]
    _update(platform, SOURCE, quarantine_since=NOW - timedelta(hours=1))
    assert ask(platform, "freshness", view="card_velocity", tenant="br").figures["quarantined"] is True
    platform.online.rows.clear()
    assert ask(platform, "freshness", view="card_velocity", tenant="br").figures["over_sla"] is True
    assert ask(platform, "parity", view="card_velocity", tenant="br").status == "no_data"


def test_rows_since_a_moment(platform: ObservedPlatform) -> None:
    since = (NOW - timedelta(hours=1)).isoformat()
    before = ask(platform, "online_rows", view="card_velocity", tenant="br", since=since).figures
    assert before["none_since"] is False
    assert before["rows_since"] > 0  # type: ignore[operator]
    rows = platform.online.rows["br", "card_velocity"]
    for key, row in list(rows.items()):
        rows[key] = type(row)(key, row.event_ts - timedelta(hours=2), row.created_ts, row.values)
    after = ask(platform, "online_rows", view="card_velocity", tenant="br", since=since).figures
    assert (after["none_since"], after["rows_since"]) == (True, 0)


def test_online_values_that_differ(platform: ObservedPlatform) -> None:
    rows = platform.online.rows["br", "card_velocity"]
    for key, row in list(rows.items())[:200]:
        rows[key] = type(row)(row.key, row.event_ts, row.created_ts, {**row.values, "amount_sum_1h": 1.0})
    figures = ask(platform, "parity", view="card_velocity", tenant="br", sample=200).figures
    assert figures["agrees"] is False
    assert figures["worst_feature"] == "amount_sum_1h"
    assert figures["mismatch_rate"] == pytest.approx(0.4, abs=0.15)


def test_a_canary_that_is_worse(platform: ObservedPlatform) -> None:
    rows = platform.predictions.rows
    recent = np.asarray(rows["ts"].cast(pa.int64())) >= ONSET.timestamp() * 1e6
    canary = recent & (np.asarray(rows["endpoint"].to_pylist()) == "fraud-br") & (np.arange(rows.num_rows) % 4 == 0)
    score = np.where(canary, 0.7, rows["score"].to_numpy())
    rows = _set(rows, "variant", pa.array(np.where(canary, "canary", "champion")))
    rows = _set(rows, "model_version", pa.array(np.where(canary, "2", "1")))
    rows = _set(_set(rows, "score", pa.array(score)), "declined", pa.array(score > 0.2))
    platform.replant_predictions(rows)
    _update(platform, urn("endpoint", "fraud-br"), canary="2", canary_percent=25)
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
        rows = _set(rows, column, pa.array(rows[column].to_numpy() + np.where(recent, 80.0, 0.0)))
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
    _update(platform, endpoint, replicas=12)
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
    platform.plant("br", _times(1.9), since=NOW - timedelta(hours=1))
    before = ask(platform, "drift_against_baseline", source="payments_br", column="amount", minutes=30).figures
    assert before["drifted"] is True
    _update(platform, urn("monitor", "drift-payments_br-amount"), baseline_since=NOW - timedelta(hours=1))
    after = ask(platform, "drift_against_baseline", source="payments_br", column="amount", minutes=30).figures
    assert (after["drifted"], after["rebaselined"]) == (False, True)


def test_a_new_baseline_is_not_compared_with_itself(platform: ObservedPlatform) -> None:
    """Rows that are both reference and sample have a PSI of zero, whatever they are."""
    monitor = urn("monitor", "drift-payments_br-amount")
    _update(platform, monitor, baseline_since=ONSET)
    young = ask(platform, "drift_against_baseline", source="payments_br", column="amount")
    assert (young.status, young.figures.get("drifted")) == ("no_data", None)
    _update(platform, monitor, baseline_since=NOW - timedelta(hours=1))
    platform.plant("br", _times(2.5))
    later = ask(platform, "drift_against_baseline", source="payments_br", column="amount").figures
    assert later["drifted"] is True, "what moves after the new baseline is seen"


def test_a_campaign_counts_for_its_tenant_only(platform: ObservedPlatform) -> None:
    platform.event("campaign", SOURCE, at=ONSET - timedelta(hours=1), summary="Night Sale")
    mine = ask(platform, "change_events", subject=urn("feature_view", "card_velocity"), tenant="br").figures
    assert mine["campaign_count"] == 1
    theirs = ask(platform, "change_events", subject=urn("source", "payments_ar")).figures
    assert theirs["events"] == 0


def test_what_came_after_the_onset_is_no_suspect(platform: ObservedPlatform) -> None:
    platform.plant("br", _times(100.0))
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
    platform.plant("br", lambda rows: _set(rows, "amount", pa.nulls(rows.num_rows, pa.float64())))
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
    platform.plant("br", _times(2.5))
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
    platform.replant_predictions(_set(rows, "declined", pa.array(declined)).filter(pa.array(keep)))
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
            _times(100.0)(rows) if change == "level" else _set(rows, "amount", pa.nulls(rows.num_rows, pa.float64()))
        )
        stored = np.maximum(spoiled["ingested_at"].cast(pa.int64()).to_numpy(), late)
        return _set(spoiled, "ingested_at", pa.array(stored).cast(spoiled["ingested_at"].type))

    platform.plant("br", publish)
    platform.deploy("br", "4.7.0", at=ONSET + timedelta(minutes=5))
    figures = ask(platform, "change_events", subject=SOURCE, column="amount").figures
    assert figures["deploy_version"] == "4.7.0"
    assert figures["deploy_minutes_before"] == pytest.approx(1, abs=0.5)


def test_what_was_delivered_twice_or_lacks_a_value_is_no_mismatch(platform: ObservedPlatform) -> None:
    """Materialization counts an event once and rows, not values: so must who checks it."""
    platform.plant("br", lambda rows: pa.concat_tables([rows, rows]))
    assert ask(platform, "parity", view="card_velocity", tenant="br", sample=200).figures["mismatches"] == 0
    platform.plant("ar", lambda rows: _set(rows, "event_id", pa.nulls(rows.num_rows, pa.string())))
    figures = ask(platform, "parity", view="card_velocity", tenant="ar", sample=200).figures
    assert figures["mismatches"] == 0, "a count counts rows"
