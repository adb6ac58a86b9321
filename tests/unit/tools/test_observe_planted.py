"""What probes say about trouble that was planted: the right figures, and the right minute."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from platform_core.urn import urn
from tests.fakes.observed_platform import NOW, ONSET, ObservedPlatform, observed_platform
from tests.fakes.probing import ask, minutes_off, set_column, times, update_spec

compute: Any = pyarrow.compute

SOURCE = urn("source", "payments_br")


@pytest.fixture
def platform() -> ObservedPlatform:
    return observed_platform()


def test_a_change_of_unit(platform: ObservedPlatform) -> None:
    platform.plant("br", times(100.0))
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
        return set_column(
            rows, "amount", pa.array(rows["amount"].to_numpy() * np.exp(rng.normal(0.9, 0.5, rows.num_rows)))
        )

    platform.plant("br", richer)
    rows, truth = platform.predictions.rows, platform.offline.read("payments_br", start=ONSET)
    late = compute.and_(
        compute.equal(rows["endpoint"], "fraud-br"),
        compute.greater_equal(rows["ts"], pa.scalar(ONSET, rows["ts"].type)),
    )
    amount = np.array(rows["amount"])
    amount[np.array(late)] = truth["amount"].to_numpy()
    platform.replant_predictions(set_column(rows, "amount", pa.array(amount)))
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
        return set_column(rows, "amount", compute.if_else(lost, pa.scalar(None, pa.float64()), rows["amount"]))

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
    update_spec(platform, SOURCE, field_mapping={"device_id": "device_fingerprint"})
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
    update_spec(platform, SOURCE, quarantine_since=NOW - timedelta(hours=1))
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
