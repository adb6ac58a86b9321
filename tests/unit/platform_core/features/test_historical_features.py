"""Historical features by example: names, statuses, zones, and what is said about entity rows that cannot be used."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from foundation.errors import InvalidInput, NotFound
from platform_core.features.frames import to_arrow, to_pandas, to_polars
from platform_core.features.historical import get_historical_features, historical_features
from tests.fakes.point_in_time import TIMESTAMP, ShuffledStore, catalog_of

T0 = datetime(2026, 11, 19, tzinfo=UTC)
CATALOG = catalog_of(180, 240)
HOUR = timedelta(hours=1)


def history(*rows: tuple[str, float, float, float | None], tenant: str = "br", key: str = "key") -> ShuffledStore:
    """Rows (card, hour of the event, hour it was created, mean); the view `pair` has no rows."""
    card = pa.table(
        {
            "tenant": pa.array([tenant] * len(rows), pa.string()),
            "key": pa.array([r[0] for r in rows], pa.string()),
            "event_ts": pa.array([T0 + r[1] * HOUR for r in rows], TIMESTAMP),
            "created_ts": pa.array([T0 + r[2] * HOUR for r in rows], TIMESTAMP),
            "mean": pa.array([r[3] for r in rows], pa.float64()),
            "city": pa.array(["x"] * len(rows), pa.string()),
        }
    )
    pair = card.select(["tenant", "key", "event_ts", "created_ts"]).slice(0, 0)
    return ShuffledStore({"features_card": card, "features_pair": pair}, random.Random(1))


def ask(*questions: tuple[str | None, float]) -> pa.Table:
    return pa.table(
        {
            "tenant": pa.array(["br"] * len(questions), pa.string()),
            "card_id": pa.array([card for card, _ in questions], pa.string()),
            "country": pa.array(["AR"] * len(questions), pa.string()),
            "account": pa.array([1] * len(questions), pa.int64()),
            "event_timestamp": pa.array([T0 + hour * HOUR for _, hour in questions], TIMESTAMP),
        }
    )


def means(store: ShuffledStore, *questions: tuple[str | None, float], **options: Any) -> list[float | None]:
    return get_historical_features(store, CATALOG, ["card:mean"], ask(*questions), **options)["card__mean"].to_pylist()


def test_the_ends_of_the_ttl_are_visible() -> None:
    store = history(("a", 0, 0, 7.0))
    assert means(store, ("a", 0), ("a", 3), ("a", 3.001), ("a", -0.001)) == [7.0, 7.0, None, None]


@pytest.mark.parametrize("nanoseconds", [(0, 500), (500, 0)])
def test_moments_of_one_microsecond_are_told_apart_in_any_order(nanoseconds: tuple[int, int]) -> None:
    ends = int((T0 + 3 * HOUR).timestamp()) * 10**9
    times = pa.array([ends + n for n in nanoseconds], pa.int64()).cast(pa.timestamp("ns", "UTC"))
    rows = ask(("a", 3), ("a", 3)).set_column(4, "event_timestamp", times)
    found = get_historical_features(history(("a", 0, 0, 7.0)), CATALOG, ["card:mean"], rows)["card__mean"].to_pylist()
    assert found == [7.0 if n == 0 else None for n in nanoseconds]


def test_a_late_correction_counts_from_its_event_time_or_from_when_it_was_known() -> None:
    store = history(("a", 1, 1, 10.0), ("a", 1, 2.5, 500.0))
    assert means(store, ("a", 2), ("a", 3)) == [500.0, 500.0]
    assert means(store, ("a", 2), ("a", 3), as_of="created") == [10.0, 500.0]


def test_what_becomes_known_late_does_not_hide_what_is_newer() -> None:
    store = history(("a", 2, 2, 20.0), ("a", 1, 2.5, 10.0))
    assert means(store, ("a", 2.2), ("a", 2.7), as_of="created") == [20.0, 20.0]


def test_rows_from_the_future_are_counted_and_hide_nothing() -> None:
    store = history(("a", 1, 1, 10.0), ("a", 2, 1.5, 99.0))
    found = historical_features(store, CATALOG, ["card:mean"], ask(("a", 2.5)))
    assert found.table["card__mean"].to_pylist() == [10.0]
    assert [(v.view, v.rows_read, v.rows_from_the_future) for v in found.views] == [("card", 2, 1)]


def test_of_equal_rows_one_wins_whatever_their_order() -> None:
    rows = [("a", 1.0, 1.0, value) for value in (3.0, None, 5.0, 5.0, 4.0)]
    assert {means(history(*rows[i:], *rows[:i]), ("a", 2))[0] for i in range(5)} == {5.0}


def test_statuses_tell_four_things_apart() -> None:
    store = history(("a", 0, 0, 7.0), ("b", 0, 0, None))
    answer = get_historical_features(
        store, CATALOG, ["card:mean"], ask(("a", 1), ("b", 1), ("a", 9), ("c", 1), (None, 1), ("a", -1)), statuses=True
    )
    assert answer["card__mean__status"].to_pylist() == ["present", "null", "expired", "missing", "missing", "missing"]


def test_short_names_on_request_unless_they_collide() -> None:
    rows = ask(("a", 1))
    answer = get_historical_features(history(("a", 0, 0, 7.0)), CATALOG, ["card:mean"], rows, full_names=False)
    assert answer.column_names == [*rows.column_names, "mean"]
    taken = rows.append_column("mean", pa.array([0.0]))
    with pytest.raises(InvalidInput, match=r"'mean' of card:mean .* that of the entity rows .*full names"):
        get_historical_features(history(), CATALOG, ["card:mean"], taken, full_names=False)


def test_a_feature_younger_than_its_history_is_null_of_its_type() -> None:
    answer = get_historical_features(history(("a", 0, 0, 7.0)), CATALOG, "all", ask(("a", 1)))
    assert answer["pair__count"].type == pa.int64()
    assert answer["pair__count"].to_pylist() == [None]


def test_a_tenant_for_all_rows_adds_no_column() -> None:
    rows = ask(("a", 1)).drop_columns(["tenant"])
    store = history(("a", 0, 0, 7.0))
    answer = get_historical_features(store, CATALOG, ["card:mean"], rows, tenant="br")
    assert (answer.column_names, answer["card__mean"].to_pylist()) == ([*rows.column_names, "card__mean"], [7.0])
    assert get_historical_features(store, CATALOG, ["card:mean"], rows, tenant="mx")["card__mean"].null_count == 1


def test_no_rows_are_no_rows_with_all_columns() -> None:
    answer = get_historical_features(history(), CATALOG, "all", ask().slice(0, 0), statuses=True)
    assert len(answer) == 0
    assert answer.schema.field("card__city").type == pa.string()


def test_frames_of_three_kinds_give_one_answer() -> None:
    import pandas as pd
    import polars as pl

    store = history(("a", 0, 0, 7.0))
    rows = ask(("a", 1), ("b", 1))
    sao_paulo = rows.to_pandas()
    sao_paulo["event_timestamp"] = (
        sao_paulo["event_timestamp"].dt.tz_convert("America/Sao_Paulo").astype("datetime64[ns, America/Sao_Paulo]")
    )
    for given in (sao_paulo, pl.DataFrame(rows), rows.to_pylist()):
        answer = get_historical_features(store, CATALOG, ["card:mean"], to_arrow(given))
        assert answer["card__mean"].to_pylist() == [7.0, None]
    assert isinstance(to_pandas(answer), pd.DataFrame)
    assert to_polars(answer)["card__mean"].to_list() == [7.0, None]


def test_several_zones_in_one_column_are_fine_and_none_is_not() -> None:
    from zoneinfo import ZoneInfo

    import pandas as pd

    rows = ask(("a", 1), ("a", 1)).to_pylist()
    rows[1]["event_timestamp"] = rows[1]["event_timestamp"].astimezone(ZoneInfo("America/Sao_Paulo"))
    assert to_arrow(rows)["event_timestamp"].to_pylist() == [T0 + HOUR] * 2
    rows[1]["event_timestamp"] = rows[1]["event_timestamp"].replace(tzinfo=None)
    with pytest.raises(InvalidInput, match=r"row 2 of the entity rows .* 'event_timestamp'.*zone"):
        to_arrow(rows)
    frame = pd.DataFrame({"event_timestamp": pd.Series([r["event_timestamp"] for r in rows], dtype=object)})
    with pytest.raises(InvalidInput, match=r"row 2 of the entity rows .* 'event_timestamp'.*zone"):
        to_arrow(frame)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop_columns(["card_id"]), r"lack the column 'card_id'.*they have tenant"),
        (lambda t: t.drop_columns(["tenant"]), "lack the column 'tenant'"),
        (lambda t: t.append_column("card_id", t["card_id"]), "two columns 'card_id'"),
        (lambda t: _with(t, "card_id", pa.array([1.0, 2.0])), r"'card_id' of the entity rows is double.*Int64"),
        (lambda t: _with(t, "event_timestamp", pa.array(["x", "y"])), "'event_timestamp' of the entity rows is string"),
        (lambda t: _with(t, "event_timestamp", pa.array([0, 1], pa.timestamp("us"))), r"without a zone.*tz_localize"),
        (lambda t: _with(t, "event_timestamp", pa.array([0, None], TIMESTAMP)), "row 2 .* has no 'event_timestamp'"),
        (
            lambda t: _with(t, "event_timestamp", pa.array([0, 1 << 60], pa.timestamp("s", "UTC"))),
            "row 2 .* beyond what microseconds",
        ),
    ],
)
def test_entity_rows_that_cannot_be_used_are_told_why(change: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        get_historical_features(history(), CATALOG, ["card:mean"], change(ask(("a", 1), ("b", 1))))


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("alll", "no feature service 'alll'.*'all'"),
        (["card:maen"], "no feature 'maen'.*did you mean 'mean'"),
        (["crad:mean"], "no feature view 'crad'.*'card'"),
    ],
)
def test_unknown_names_are_told_with_what_is_near(asked: Any, said: str) -> None:
    with pytest.raises(NotFound, match=said):
        get_historical_features(history(), CATALOG, asked, ask(("a", 1)))


def test_requests_that_mean_nothing() -> None:
    with pytest.raises(InvalidInput, match="'mean' is not a feature"):
        get_historical_features(history(), CATALOG, ["mean"], ask(("a", 1)))
    with pytest.raises(InvalidInput, match="no features were asked for"):
        get_historical_features(history(), CATALOG, [], ask(("a", 1)))
    with pytest.raises(InvalidInput, match="as_of is 'now'"):
        means(history(), ("a", 1), as_of="now")
    with pytest.raises(InvalidInput, match="a tenant was given"):
        means(history(), ("a", 1), tenant="br")


def test_rows_may_be_what_programs_have() -> None:
    store = history(("a", 0, 0, 1.0))
    table = ask(("a", 1), ("b", 1))
    expected = get_historical_features(store, CATALOG, ["card:mean"], table)
    for rows in (to_pandas(table), to_polars(table), table.to_pylist()):
        found = get_historical_features(store, CATALOG, ["card:mean"], rows)
        assert found["card__mean"].to_pylist() == expected["card__mean"].to_pylist() == [1.0, None]


def test_features_in_one_text_are_refused_with_a_hint() -> None:
    with pytest.raises(InvalidInput, match="give a list"):
        get_historical_features(history(), CATALOG, "card:mean,card:city", ask(("a", 1)))
