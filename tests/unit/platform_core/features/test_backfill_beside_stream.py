"""A backfill recomputes a stretch of the past while the stream goes on, and takes nothing from it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import InvalidInput
from platform_core.features.estimate import Estimator, Prices
from platform_core.features.leases import LeaseHeld, SqlLeases
from platform_core.features.materialization import Materializer
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.ranged import Advance
from platform_core.operations.timeline import ChangeEvent
from tests.fakes.velocity import CATALOG, NOW

MINUTE = timedelta(minutes=1)
FEATURES = ("tx_count_1h", "amount_sum_1h", "amount_mean_24h")

event = st.builds(
    lambda minutes, card, amount: {"at": NOW - minutes * MINUTE, "card": f"c{card}", "amount": float(amount)},
    st.integers(0, 240),
    st.integers(0, 2),
    st.integers(1, 9),
)
deliveries = st.lists(st.lists(event, min_size=1, max_size=3), min_size=1, max_size=3)


class Interrupted(DeltaOfflineStore):
    """After the first read of the source that a backfill computes from, something else happens."""

    def __init__(self, root: Path, meanwhile: Callable[[], None]) -> None:
        super().__init__(root)
        self._meanwhile: Callable[[], None] | None = meanwhile

    def read(self, table: str, **how: Any) -> pa.Table:
        rows = super().read(table, **how)
        if table == "payments_br" and len(how.get("columns") or []) > 3 and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        return rows


def numbered(batches: list[list[dict[str, Any]]], prefix: str) -> list[list[dict[str, Any]]]:
    return [[{**e, "id": f"{prefix}{b}.{n}"} for n, e in enumerate(batch)] for b, batch in enumerate(batches)]


def beside(platform: Any, offline: DeltaOfflineStore, **more: Any) -> Materializer:
    """A backfill's process: the same stores, a memory of its own."""
    return Materializer(
        CATALOG,
        offline,
        platform.online,
        platform.resources,
        platform.operations,
        platform.clock,
        platform.progress,
        checkpoint_s=0.0,
        **more,
    )


@settings(max_examples=8, deadline=None)
@given(before=deliveries, during=deliveries, after=deliveries, first=st.integers(1, 240), length=st.integers(1, 240))
def test_whatever_comes_while_it_runs_the_end_is_that_of_one_pass(
    make_platform: Any, *, before: Any, during: Any, after: Any, first: int, length: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        platform = make_platform(Path(directory) / "streamed")
        for batch in numbered(before, "b"):
            platform.deliver(*batch)
        platform.run()

        def stream() -> None:
            for batch in numbered(during, "d"):
                platform.deliver(*batch)
                assert platform.run().status == "succeeded"
            platform.clock.advance(MINUTE)

        start = NOW - first * MINUTE
        backfill = beside(platform, Interrupted(Path(directory) / "streamed" / "offline", stream))
        assert backfill.backfill("card_velocity", start, start + length * MINUTE, "br").status == "succeeded"
        for batch in numbered(after, "a"):
            platform.deliver(*batch)
            platform.run()

        whole = make_platform(Path(directory) / "whole")
        whole.deliver(
            *(e for part, name in ((before, "b"), (during, "d"), (after, "a")) for b in numbered(part, name) for e in b)
        )
        whole.materializer.load_history("card_velocity", "br")
        for card in ("c0", "c1", "c2"):
            assert platform.values(card) == pytest.approx(whole.values(card))
        assert newest(platform) == pytest.approx(newest(whole))


def newest(platform: Any) -> dict[tuple[str, datetime, str], float]:
    seen: dict[tuple[str, datetime, str], float] = {}
    for row in sorted(platform.offline.read("features_card_velocity").to_pylist(), key=lambda r: r["created_ts"]):
        for feature in FEATURES:
            seen[row["key"], row["event_ts"], feature] = row[feature]
    return seen


def pay(minutes_ago: float, card: str = "c1", amount: float = 10.0) -> dict[str, Any]:
    return {"at": NOW - minutes_ago * MINUTE, "card": card, "amount": amount}


def test_a_quarantine_set_while_it_runs_is_not_written_over(platform: Any) -> None:
    platform.deliver(pay(50, amount=1.0), pay(20, amount=1000.0), pay(19, "c2", 2000.0))

    def quarantine() -> None:
        platform.set_source(quarantine_since=NOW - 30 * MINUTE)
        platform.run()

    platform.run()
    store = Interrupted(platform.offline._root, quarantine)
    run = beside(platform, store).backfill("card_velocity", NOW - 60 * MINUTE, NOW, "br")
    assert run.status == "failed"
    assert "how payments_br is read was changed" in (run.error or "")
    assert platform.values("c1")["amount_sum_1h"] == 1.0
    assert platform.values("c2")["tx_count_1h"] == 0.0


def test_it_works_in_chunks_and_says_how_far_it_is(platform: Any) -> None:
    platform.deliver(*(pay(m, f"c{m}", 1.0) for m in range(60, 10, -1)))
    advances: list[Advance] = []
    materializer = beside(platform, platform.offline, chunk_rows=12)
    run = materializer.backfill("card_velocity", NOW - 60 * MINUTE, NOW, "br", on_chunk=advances.append)
    assert (run.status, run.rows, run.counts) == ("succeeded", 50, {"taken": 50})
    assert [a.done for a in advances] == [12, 24, 36, 48, 50]
    assert {a.total for a in advances} == {50}


def test_two_backfills_of_one_view_exclude_each_other(platform: Any, engine: Any) -> None:
    platform.deliver(pay(40))
    holder = SqlLeases(engine, holder="somebody")
    holder.hold("card_velocity", "br", "backfill")
    mine = beside(platform, platform.offline, leases=SqlLeases(engine))
    with pytest.raises(LeaseHeld, match="held by somebody"):
        mine.backfill("card_velocity", NOW - 60 * MINUTE, NOW, "br")
    assert mine.catch_up("card_velocity", "br").status == "succeeded"


def test_a_stream_that_another_process_holds_waits_and_says_so(platform: Any, engine: Any) -> None:
    platform.deliver(pay(40))
    holder = SqlLeases(engine, holder="somebody")
    holder.hold("card_velocity", "br", "stream")
    mine = beside(platform, platform.offline, leases=SqlLeases(engine))
    run = mine.run("card_velocity", "br")
    assert run.status == "cancelled"
    assert "held by somebody" in (run.error or "")
    assert platform.operations.runs == {}
    holder.release("card_velocity", "br", "stream")
    assert mine.run("card_velocity", "br").status == "succeeded"
    mine.flush()
    assert holder.hold("card_velocity", "br", "stream")


def test_every_run_is_a_change_on_the_timeline(platform: Any) -> None:
    platform.deliver(pay(40), pay(30))
    platform.materializer.catch_up("card_velocity", "br", author="account:ana")
    platform.materializer.backfill("card_velocity", NOW - 60 * MINUTE, NOW, "br")
    first, second = platform.operations.changes
    assert (first.kind, first.author, first.subject) == ("job", "account:ana", "urn:vigia:feature_view:card_velocity")
    assert (first.details["events"], first.details["rows"], first.details["status"]) == (2, 2, "succeeded")
    assert (second.kind, second.details["from"]) == ("backfill", (NOW - 60 * MINUTE).isoformat())


def test_an_empty_stretch_is_refused(platform: Any) -> None:
    with pytest.raises(InvalidInput, match="holds nothing"):
        platform.materializer.backfill("card_velocity", NOW, NOW, "br")


class Past:
    def __init__(self, *changes: ChangeEvent) -> None:
        self._changes = list(changes)

    def changes(self, *_args: object, **_how: object) -> list[ChangeEvent]:
        return self._changes


def ran(view: str, events: int, seconds: float) -> ChangeEvent:
    details = {"events": events, "wall_s": seconds, "status": "succeeded"}
    return ChangeEvent(
        id=f"{view}{events}", at=NOW, kind="backfill", subject=f"urn:vigia:feature_view:{view}", summary="", author="",
        details=details,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("past", "basis", "seconds"),
    [
        ([ran("device_risk", 1000, 1.0), ran("card_velocity", 1000, 10.0)], "median of this view's last 1 runs", 0.4),
        ([ran("device_risk", 1000, 1.0), ran("card_velocity", 10, 10.0)], "median of other views' last 1 runs", 0.0),
        ([], "no past run: 40 rows computed now in", None),
    ],
)
def test_a_dry_run_says_what_it_would_take_and_how_it_knows(
    platform: Any, past: list[ChangeEvent], basis: str, seconds: float | None
) -> None:
    platform.deliver(*(pay(m, amount=1.0) for m in range(100, 0, -1)))
    records: Any = Past(*past)
    estimator = Estimator(
        CATALOG, platform.offline, platform.resources, records, platform.clock,
        prices=Prices(machine_hour=3600.0, million_online_writes=1e6),
    )  # fmt: skip
    found = estimator.backfill("card_velocity", NOW - 50 * MINUTE, NOW - 10 * MINUTE, "br")
    assert (found.events, found.rows_read, found.chunks) == (40, 90, 1)
    assert found.basis.startswith(basis)
    if seconds is not None:
        assert found.seconds == seconds
        assert found.usd == pytest.approx(40 / found.events_per_second + 40)
    assert platform.offline.tables() == ["payments_br"], "nothing is written"
