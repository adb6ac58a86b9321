"""What is remembered of arrivals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from platform_core.features.source_rows import Arrival, thinned

T0 = datetime(2026, 11, 19, tzinfo=UTC)


def arrival(version: int) -> Arrival:
    return Arrival(version, 3, T0 + timedelta(minutes=version), {"card_id": version % 2}, {})


def test_arrivals_do_not_pile_up_while_a_view_is_cancelled() -> None:
    kept: list[Arrival] = []
    for version in range(10_000):
        kept = thinned([*kept, arrival(version)], 50)
    assert len(kept) <= 100
    assert [a.version for a in kept[-50:]] == list(range(9_950, 10_000)), "the newest are judged one by one"
    assert [a.version for a in kept] == sorted(a.version for a in kept)
    assert sum(a.rows for a in kept) == 30_000
    assert sum(a.nulls["card_id"] for a in kept) == 5_000
    assert kept[0].first_event == T0
