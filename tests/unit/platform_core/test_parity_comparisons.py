"""Parity holds between three: what is online, the offline history, and what the events say. Each pair is told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from platform_core.catalog.specs import Aggregation
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.port import FeatureRow
from platform_core.monitoring.agreement import Agreement, compare
from platform_core.monitoring.parity import ParityMonitor
from platform_core.monitoring.recomputation import recomputed
from platform_core.monitoring.recorded_rows import AWAITED
from tests.fakes.monitored import NOW, TIMESTAMP, Monitored

MINUTE = timedelta(minutes=1)
START = NOW - 300 * MINUTE
ROWS = 12
RIGHT = {"tx_count_1h": 1.0, "tx_count_24h": 1.0, "amount_sum_1h": 10.0, "amount_mean_24h": 10.0}


@dataclass
class Company(Monitored):
    """One payment a minute, each of another card, materialized in both stores; `plant` what is wrong."""

    def __post_init__(self) -> None:
        Monitored.__init__(self)
        self.rows = [FeatureRow(f"c{n}", START + n * MINUTE, START + n * MINUTE + MINUTE, RIGHT) for n in range(ROWS)]
        self.recorded = list(self.rows)
        self.online.sample = lambda tenant, view, limit: self.rows[:limit]  # type: ignore[method-assign]
        self.events([(f"c{n}", START + n * MINUTE, 10.0) for n in range(ROWS)])

    def events(self, events: Sequence[tuple[str, datetime, float]], *, early: timedelta = timedelta(0)) -> None:
        times: Any = pa.array([at for _, at, _ in events], TIMESTAMP)
        created: Any = pa.array([at + MINUTE / 2 - early for _, at, _ in events], TIMESTAMP)
        columns = {
            "event_id": [f"{card} {at} {amount}" for card, at, amount in events],
            "event_ts": times, "ingested_at": created,
            "card_id": [card for card, _, _ in events], "amount": [amount for _, _, amount in events],
        }  # fmt: skip
        self.offline.append("payments_br", pa.table(columns))

    def history(self, *rows: FeatureRow, tenant: str = "br") -> None:
        columns: dict[str, Any] = {
            "tenant": [tenant] * len(rows),
            "key": [row.key for row in rows],
            "event_ts": pa.array([row.event_ts for row in rows], TIMESTAMP),
            "created_ts": pa.array([row.created_ts for row in rows], TIMESTAMP),
        }
        columns |= {name: [row.values[name] for row in rows] for name in RIGHT}
        self.offline.append("features_card_velocity", pa.table(columns))

    def compared(self, **how: Any) -> Agreement:
        view = replace(self.view, **how)
        catalog = view.catalog
        source = catalog.source("payments_br")
        return compare(view, catalog.feature_view("card_velocity"), source, view.online.sample("br", "", 99))


def changed(row: FeatureRow, *, minutes: int = 0, amount_sum_1h: float | None = None) -> FeatureRow:
    at = timedelta(minutes=minutes)
    values = row.values if amount_sum_1h is None else {**row.values, "amount_sum_1h": amount_sum_1h}
    return FeatureRow(row.key, row.event_ts + at, row.created_ts + at, values)


def online_lost_a_write(company: Company) -> None:
    company.rows[0] = changed(company.rows[0], amount_sum_1h=13.0)


def the_history_is_wrong(company: Company) -> None:
    company.recorded[0] = company.rows[0] = changed(company.rows[0], amount_sum_1h=13.0)


def both(company: Company) -> None:
    company.recorded[0] = changed(company.rows[0], amount_sum_1h=13.0)


def the_history_lacks_it(company: Company) -> None:
    del company.recorded[0]


def online_is_behind(company: Company) -> None:
    company.recorded[0] = changed(company.rows[0], minutes=2)
    company.events([("c0", START + 2 * MINUTE, 0.0)])
    values = {"tx_count_1h": 2.0, "tx_count_24h": 2.0, "amount_mean_24h": 5.0, "amount_sum_1h": 10.0}
    company.recorded[0] = replace(company.recorded[0], values=values)


CASES: dict[str, tuple[Callable[[Company], None], tuple[int, int], str]] = {
    "online lost a write": (
        online_lost_a_write, (1, 0),
        "online != offline history in 1 of 48 values: amount_sum_1h of 'c0' at 01:00:00: "
        "online 13.0, offline history 10.0",
    ),
    "the history is wrong": (
        the_history_is_wrong, (0, 1),
        "offline history != recomputation in 1 of 48 values: amount_sum_1h of 'c0' at 01:00:00: "
        "offline history 13.0, recomputation 10.0",
    ),
    "both": (
        both, (1, 1),
        "online 10.0, offline history 13.0; offline history != recomputation in 1 of 48",
    ),
    "the history lacks it": (
        the_history_lacks_it, (4, 0),
        "the newest row of 'c0': online one of 2026-11-19 01:00:00, offline history none",
    ),
    "online is behind": (
        online_is_behind, (4, 0),
        "the newest row of 'c0': online one of 2026-11-19 01:00:00, offline history one of 2026-11-19 01:02:00",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_page_says_which_of_them_differ(case: str) -> None:
    plant, wrong, said = CASES[case]
    company = Company()
    plant(company)
    company.history(*company.recorded)
    company.watch("parity-card_velocity-br", "urn:vigia:feature_view:card_velocity", 0.01)
    found = company.compared()
    assert (len(found.online.wrong), len(found.history.wrong)) == wrong
    assert found.mismatches == max(wrong), "a value that is wrong twice is one value"
    (alert,) = ParityMonitor().check(company.view)
    assert said in alert.summary
    assert alert.value == max(wrong) / 48


@pytest.mark.parametrize("store", ["memory", "delta"])
def test_what_agrees_is_compared_with_both(store: str, tmp_path: Path) -> None:
    company = Company()
    company.history(*company.recorded)
    company.history(*(changed(row, amount_sum_1h=99.0) for row in company.rows), tenant="mx")
    company.history(*(changed(row, minutes=-20, amount_sum_1h=98.0) for row in company.rows))
    how: dict[str, Any] = {}
    if store == "delta":
        how["offline"] = offline = DeltaOfflineStore(tmp_path)
        for name in company.offline.tables():
            offline.append(name, company.offline.read(name))
    found = company.compared(**how)
    assert (found.online.compared, found.history.compared, found.unrecorded.compared) == (48, 48, 0)
    assert (found.mismatches, found.said) == (0, "")


def test_of_equal_event_times_the_one_created_last_is_the_newest() -> None:
    company = Company()
    first = [changed(row, amount_sum_1h=1.0) for row in company.rows]
    company.history(*(replace(row, created_ts=row.event_ts + MINUTE / 2) for row in first), *company.rows)
    assert company.compared().mismatches == 0


@pytest.mark.parametrize("late", [False, True], ids=["just now", "long ago"])
def test_a_row_that_is_on_its_way_to_the_history_is_awaited(late: bool) -> None:
    """The history is written at checkpoints. Until then the online row is held to the events alone."""
    company = Company()
    company.rows[-1] = replace(company.rows[-1], created_ts=NOW - (AWAITED + MINUTE if late else MINUTE))
    company.history(*company.rows[:-1])
    found = company.compared()
    assert len(found.online.wrong) == (4 if late else 0)
    assert found.unrecorded.compared == (0 if late else 4)
    company.rows[-1] = changed(company.rows[-1], amount_sum_1h=7.0)
    if not late:
        assert "online != recomputation in 1 of 4 values" in company.compared().said


@pytest.mark.parametrize("recorded", [False, True], ids=["on its way", "lost"])
def test_a_row_that_a_late_event_changed_is_awaited(recorded: bool) -> None:
    """It is of the same event as before, and was created anew: the history may still hold the earlier one."""
    company = Company()
    company.history(*company.rows)
    corrected = NOW - MINUTE
    company.events([("c0", START - 3 * MINUTE, 5.0)], early=-(corrected - MINUTE - START))
    values = {"tx_count_1h": 2.0, "tx_count_24h": 2.0, "amount_sum_1h": 15.0, "amount_mean_24h": 7.5}
    company.rows[0] = replace(company.rows[0], created_ts=corrected, values=values)
    if recorded:  # something later is there, without it
        company.rows[1] = replace(company.rows[1], created_ts=corrected + MINUTE / 2)
        company.history(company.rows[1])
    found = company.compared()
    assert (len(found.online.wrong), found.unrecorded.compared) == ((4, 0) if recorded else (0, 4))
    assert found.mismatches == (4 if recorded else 0)


@pytest.mark.parametrize("created", [(10, 20), (20, 10)])
def test_of_events_at_the_same_time_the_one_created_last_is_the_last(created: tuple[int, int]) -> None:
    company = Company()
    spec = company.view.catalog.feature_view("card_velocity")
    last = Aggregation(name="amount_last_1h", function="last", column="amount", window=timedelta(hours=1))
    for amount, seconds in zip((1.0, 2.0), created, strict=True):
        company.events([("tied", START, amount)], early=MINUTE / 2 - timedelta(seconds=seconds))
    asked = [FeatureRow("tied", START, START + MINUTE, {})]
    source = company.view.catalog.source("payments_br")
    (found,) = recomputed(company.view, spec.model_copy(update={"aggregations": (last,)}), source, asked)
    assert found == {"amount_last_1h": 1.0 + created.index(max(created))}


def test_what_was_written_since_the_sample_was_taken_is_not_held_against_it() -> None:
    company = Company()
    company.history(*company.rows, changed(company.rows[0], minutes=310))
    assert company.compared().mismatches == 0


def test_a_quarantine_hides_what_it_holds_back() -> None:
    company = Company()
    company.events([("c0", START + 30 * MINUTE, 5000.0)])
    company.history(*company.rows, changed(company.rows[0], minutes=30, amount_sum_1h=5010.0))
    assert company.compared().mismatches == 4
    company.quarantine("payments_br", START + 20 * MINUTE)
    assert company.compared().mismatches == 0


def test_events_that_materialization_leaves_out_are_left_out() -> None:
    """One infinity would be the sum of its window, and a row from the future of its own arrival is in no feature."""
    company = Company()
    company.history(*company.rows)
    company.events([("c7", START - 3 * MINUTE, 10.0)], early=20 * MINUTE)
    assert company.compared().mismatches == 0
    company.events([("c5", START - 3 * MINUTE, float("inf"))])
    assert set(company.compared().wrong) == {"tx_count_1h", "tx_count_24h"}, "a row all the same, without an amount"


def test_what_differs_is_looked_at_again_and_what_agrees_is_not() -> None:
    company = Company()
    company.history(*company.rows)
    company.watch("parity-card_velocity-br", "urn:vigia:feature_view:card_velocity", 0.01)
    healthy, monitor = company.rows, ParityMonitor()
    company.rows = [changed(row, amount_sum_1h=1.0) for row in healthy]
    assert monitor.check(company.view)
    company.rows = healthy
    assert monitor.check(company.view) == []
    company.rows = [changed(row, amount_sum_1h=1.0) for row in healthy]
    assert monitor.check(company.view) == [], "looked at every half hour"
