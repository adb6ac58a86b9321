"""The company: determined by its seed, without a seam between past and present, with fraud at the stated rate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from platform_core.monitoring.shares import psi
from platform_core.monitoring.statistics import Bins
from platform_core.simulation.company import Campaign, Company, PaymentBatch
from platform_core.simulation.countries import TENANTS

ORIGIN = datetime(2026, 11, 19, 5, 40, tzinfo=UTC)
DAYS = timedelta(days=4)


def history(seed: int = 7) -> tuple[Company, dict[str, PaymentBatch]]:
    company = Company(seed)
    return company, company.emit(ORIGIN - DAYS, ORIGIN)


def minutes(company: Company, start: datetime, count: int) -> dict[str, pa.Table]:
    parts: dict[str, list[pa.Table]] = {tenant: [] for tenant in TENANTS}
    for minute in range(count):
        at = start + timedelta(minutes=minute)
        for tenant, batch in company.emit(at, at + timedelta(minutes=1)).items():
            parts[tenant].append(batch.table)
    return {tenant: pa.concat_tables(tables) for tenant, tables in parts.items()}


def test_the_same_seed_and_intervals_give_the_same_payments() -> None:
    first, second = history(), history()
    for tenant in TENANTS:
        assert first[1][tenant].table.equals(second[1][tenant].table)
    assert (
        first[0]
        .emit(ORIGIN, ORIGIN + timedelta(minutes=3))["mx"]
        .table.equals(second[0].emit(ORIGIN, ORIGIN + timedelta(minutes=3))["mx"].table)
    )


def test_another_seed_gives_other_payments() -> None:
    assert not history(7)[1]["br"].table.equals(history(8)[1]["br"].table)


def test_about_one_and_a_half_percent_is_fraud_in_every_country() -> None:
    _, batches = history()
    frauds = {tenant: batch.is_fraud for tenant, batch in batches.items()}
    assert np.concatenate(list(frauds.values())).mean() == pytest.approx(0.015, abs=0.003)
    for is_fraud in frauds.values():  # it comes in episodes: a country's four days scatter by some 15 %
        assert is_fraud.mean() == pytest.approx(0.015, rel=0.5)


def test_the_rate_is_half_a_payment_per_second() -> None:
    company = Company(7)
    total = sum(len(batch) for batch in company.emit(ORIGIN - timedelta(days=7), ORIGIN).values())
    assert total / (7 * 86_400) == pytest.approx(0.5, rel=0.03)


def test_event_times_lie_in_the_interval_in_order_and_ids_are_unique() -> None:
    company, batches = history()
    live = minutes(company, ORIGIN, 30)
    for tenant, batch in batches.items():
        times = batch.table["event_ts"].to_pylist()
        assert times == sorted(times)
        assert times[0] >= ORIGIN - DAYS
        assert times[-1] < ORIGIN
        ids = batch.table["event_id"].to_pylist() + live[tenant]["event_id"].to_pylist()
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("tenant", TENANTS)
def test_live_amounts_continue_those_of_history(tenant: str) -> None:
    company, batches = history()
    live = minutes(company, ORIGIN, 600)[tenant]["amount"].to_numpy()
    bins = Bins.of(batches[tenant].table["amount"].to_numpy())
    assert psi(bins.shares, bins.counts(live) / len(live)) < 0.05


def test_live_volume_continues_that_of_the_same_hours_in_history() -> None:
    company, batches = history()
    live = minutes(company, ORIGIN, 240)
    for tenant, batch in batches.items():
        start = ORIGIN - timedelta(days=1)
        times = batch.table["event_ts"].to_numpy()
        inside = (times >= np.datetime64(start.replace(tzinfo=None))) & (
            times < np.datetime64((start + timedelta(hours=4)).replace(tzinfo=None))
        )
        assert live[tenant].num_rows == pytest.approx(int(inside.sum()), rel=0.2)


def test_nights_are_quieter_than_evenings() -> None:
    table = history()[1]["br"].table
    local_hour = (table["event_ts"].cast(pa.int64()).to_numpy() // 3_600_000_000 - 3) % 24
    counts = np.bincount(local_hour, minlength=24)
    assert counts[3] < 0.6 * counts[19]


def test_activity_is_heavy_tailed() -> None:
    cards = history()[1]["br"].table["card_id"].value_counts().field("counts").to_numpy()
    busiest = np.sort(cards)[::-1]
    assert busiest[: len(busiest) // 10].sum() > 0.25 * busiest.sum()


def test_a_campaign_changes_amounts_categories_and_traffic_of_its_country_only() -> None:
    company, batches = history()
    usual = minutes(Company(7), ORIGIN, 120)
    company.processes["ar"].campaign = Campaign(since=ORIGIN)
    live = minutes(company, ORIGIN, 120)
    bins = Bins.of(batches["ar"].table["amount"].to_numpy())
    sold = live["ar"]["amount"].to_numpy()
    assert psi(bins.shares, bins.counts(sold) / len(sold)) > 0.5
    assert {"appliances", "toys"} & set(live["ar"]["merchant_category"].to_pylist())
    assert live["ar"].num_rows > 1.3 * usual["ar"].num_rows
    assert live["br"].num_rows < 1.3 * usual["br"].num_rows
