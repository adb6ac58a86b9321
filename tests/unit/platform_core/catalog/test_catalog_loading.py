"""Catalog files: what they may say, and what the error says when they say something else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.durations import format_duration, parse_duration
from platform_core.catalog.loading import load_catalog

ENTITIES = """
entities:
  - {name: card, join_key: card_id, description: a card}
"""
SOURCES = """
x-columns: &columns
  - {name: event_id, dtype: string, description: id}
  - {name: event_ts, dtype: timestamp, description: time}
  - {name: ingested_at, dtype: timestamp, description: time}
  - {name: card_id, dtype: string, description: card, pii: quasi}
  - {name: amount, dtype: float64, description: amount, max_null_rate: 0.01}
sources:
  - {name: payments_br, tenant: br, table: payments_br, deployment: ingest-br, columns: *columns, owner: risk}
  - {name: payments_mx, tenant: mx, table: payments_mx, deployment: ingest-mx, columns: *columns, owner: risk}
"""
VIEWS = """
feature_views:
  - name: card_velocity
    entity: card
    sources: [payments_br, payments_mx]
    ttl: 24h
    freshness_sla: 10m
    owner: risk
    channel: "#risk"
    description: velocity
    aggregations:
      - {name: tx_count_1h, function: count, column: event_id, window: 1h}
      - {name: amount_mean_24h, function: mean, column: amount, window: 24h}
feature_services:
  - name: fraud_v1
    features: ["card_velocity:tx_count_1h", "card_velocity:amount_mean_24h"]
    request_fields: [{name: amount, dtype: float64, description: amount}]
    owner: risk
    description: fraud
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, text in (("entities.yaml", ENTITIES), ("sources.yaml", SOURCES), ("views.yaml", VIEWS)):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_files_make_one_catalog(directory: Path) -> None:
    catalog = load_catalog(directory)
    view = catalog.feature_view("card_velocity")
    assert (view.ttl, view.freshness_sla) == (timedelta(hours=24), timedelta(minutes=10))
    assert view.aggregations[1].window == timedelta(hours=24)
    assert catalog.source("payments_mx").columns[3].pii == "quasi"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "views.yaml",
            "    ttl:",
            "    tttl:",
            r"views\.yaml:\d+: feature_views\[card_velocity\]\.tttl: unknown key; did you mean 'ttl'",
        ),
        (
            "views.yaml",
            "window: 1h",
            "windw: 1h",
            r"aggregations\[tx_count_1h\]\.windw: unknown key; did you mean 'window'",
        ),
        (
            "views.yaml",
            "ttl: 24h",
            "ttl: soon",
            r"views\.yaml:\d+: feature_views\[card_velocity\]\.ttl: 'soon' is not a duration",
        ),
        (
            "views.yaml",
            "function: mean",
            "function: median",
            r"aggregations\[amount_mean_24h\]\.function: .*got 'median'",
        ),
        (
            "views.yaml",
            "feature_views:",
            "feature_view:",
            r"views\.yaml:\d+: feature_view: unknown key; did you mean 'feature_views'",
        ),
        (
            "views.yaml",
            "entity: card",
            "entity: cart",
            r"views\.yaml:\d+: feature_views\[card_velocity\]\.entity: unknown entity 'cart'; did you mean 'card'",
        ),
        ("views.yaml", "payments_mx]", "payments_mex]", r"unknown source 'payments_mex'; did you mean 'payments_mx'"),
        (
            "views.yaml",
            "column: amount",
            "column: amuont",
            r"source 'payments_br' has no column 'amuont'; did you mean 'amount'",
        ),
        (
            "views.yaml",
            "function: count, column: event_id",
            "function: sum, column: event_id",
            "sum needs numbers, 'event_id' is string",
        ),
        (
            "views.yaml",
            "velocity:tx_count_1h",
            "velocity:tx_count_2h",
            r"feature_services\[fraud_v1\]\.features: unknown feature 'card_velocity:tx_count_2h'; did you mean",
        ),
        (
            "views.yaml",
            "    owner: risk\n    channel",
            "    channel",
            r"feature_views\[card_velocity\]\.owner: field required",
        ),
        ("sources.yaml", "tenant: mx", "tenant: br", r"'payments_mx' and 'payments_br' both belong to tenant 'br'"),
        (
            "sources.yaml",
            "name: payments_mx",
            "name: payments_br",
            r"sources\[payments_br\] is already defined in sources\.yaml",
        ),
        (
            "sources.yaml",
            "pii: quasi",
            "pii: secret",
            r"sources\.yaml:\d+: sources\[payments_br\]\.columns\[card_id\]\.pii",
        ),
        ("entities.yaml", "join_key: card_id", "join_key: card", r"source 'payments_br' has no column 'card'"),
        (
            "sources.yaml",
            "name: card_id, dtype: string",
            "name: card_id, dtype: float64",
            r"views\.yaml:\d+: .*join key 'card_id' of source 'payments_br' is float64: a key is a string, an int64",
        ),
        (
            "sources.yaml",
            "name: event_ts, dtype: timestamp",
            "name: event_ts, dtype: int64",
            r"views\.yaml:\d+: .*'event_ts' of source 'payments_br' is a time, so a timestamp, not int64",
        ),
        (
            "sources.yaml",
            "name: ingested_at, dtype: timestamp",
            "name: ingested_at, dtype: string",
            r"views\.yaml:\d+: .*'ingested_at' of source 'payments_mx' is a time, so a timestamp, not string",
        ),
        (
            "views.yaml",
            "    owner: risk\n    channel",
            "    monitors: {screen_segment: tx_cuont_1h}\n    owner: risk\n    channel",
            r"views\.yaml:\d+: .*screen_segment: the view has no column 'tx_cuont_1h'; did you mean 'tx_count_1h'",
        ),
        ("entities.yaml", "entities:", "entities: [", r"entities\.yaml:\d+: not YAML: while"),
        ("entities.yaml", ENTITIES, "- card", r"entities\.yaml:\d+: a catalog file is a mapping"),
    ],
)
def test_errors_name_the_file_and_the_key(directory: Path, file: str, old: str, new: str, message: str) -> None:
    text = (directory / file).read_text()
    assert old in text
    (directory / file).write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput, match=message):
        load_catalog(directory)


@pytest.mark.parametrize("what", ["source", "feature_view", "feature_service", "entity"])
def test_a_name_that_is_not_there_is_answered_with_the_nearest(directory: Path, what: str) -> None:
    catalog = load_catalog(directory)
    with pytest.raises(NotFound, match=r"there is no .* in the catalog"):
        getattr(catalog, what)("nothing_like_it")
    with pytest.raises(NotFound, match=r"did you mean 'payments_br'\?"):
        catalog.source("payment_br")


def test_an_empty_directory_is_no_catalog(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no catalog"):
        load_catalog(tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("24h", 86400), ("7d", 604800), ("1h30m", 5400)]
)
def test_durations_read_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "10", "10x", "ten minutes", "-5m", "1h and a bit"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a duration"):
        parse_duration(text)
