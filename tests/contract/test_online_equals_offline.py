"""After late, repeated, corrected and misdated rows, online holds what the offline history says, on every store.

Both are held against an oracle of plain loops over all events, for a view of windows, one of a composite key, and one
that hands columns on as they are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from foundation.clock import FixedClock
from foundation.ids import new_id
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog, Entity, Feature, FeatureView
from platform_core.features.historical import get_historical_features
from platform_core.features.keys import entity_key
from platform_core.features.materialization import Materializer
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.port import OnlineStore
from platform_core.features.progress import InMemoryProgress
from platform_core.monitoring.agreement import compare
from platform_core.view import PlatformView
from tests.fakes.online_stores import STORES, online_store
from tests.fakes.velocity import HOUR, NOW, Operations, Resources, aggregation, payments, source, view

MINUTE = timedelta(minutes=1)
CARDS, DEVICES = ("c|1", "c2", "c3"), ("d1", "|d2")


def catalog_of(tenant: str) -> Catalog:
    of = source(tenant)
    windows = view(
        "velocity",
        "card",
        aggregation("n_1h", "count", "event_id", HOUR),
        aggregation("sum_24h", "sum", "amount", 24 * HOUR),
    )
    pair = view("pair", "card_device", aggregation("mean_24h", "mean", "amount", 24 * HOUR))
    schema = (
        Feature(name="amount"),
        Feature(name="device_id", dtype="string"),
        Feature(name="ingested_at", dtype="timestamp"),
    )
    profile = view("profile", "card").model_copy(update={"features": schema})
    views = (windows, pair, profile)
    return Catalog(
        entities=(
            Entity(name="card", join_keys=("card_id",), description="card"),
            Entity(name="card_device", join_keys=("card_id", "device_id"), description="both"),
        ),
        sources=(of,),
        feature_views=tuple(v.model_copy(update={"sources": (of.name,)}) for v in views),
        feature_services=(),
    )


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineStore]:
    with online_store(request.param, tmp_path) as opened:
        yield opened


def deliveries(rng: random.Random) -> Iterator[list[dict[str, Any]]]:
    """Six batches: fresh, late by up to a day, again, corrected, and from next year."""
    sent: list[dict[str, Any]] = []
    for batch in range(6):
        events: list[dict[str, Any]] = []
        for n in range(rng.randrange(1, 6)):
            late = rng.choice([0, 0, 1, 30, 90, 1300])
            events.append(
                {
                    "id": f"e{batch}.{n}",
                    "at": NOW + (batch - late) * MINUTE,
                    "card": rng.choice(CARDS),
                    "device": rng.choice(DEVICES),
                    "amount": rng.choice([None, 1.0, 5.0, float("inf")]),
                }
            )
        if sent:
            events.append(rng.choice(sent))
            events.append({**rng.choice(sent), "id": f"e{batch}.corrected", "amount": 7.0, "device": "d1"})
        events.append({**events[0], "id": f"e{batch}.future", "at": NOW + timedelta(days=365)})
        sent += events[:-1]
        yield events


def believed(event: dict[str, Any]) -> float | None:
    amount: float | None = event["amount"]
    return None if amount == float("inf") else amount


def expected(events: Sequence[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """(view, key) -> values at the key's newest event; `events` once each, in the order of their arrival."""
    answer: dict[tuple[str, str], dict[str, Any]] = {}
    for card in CARDS:
        mine = [e for e in events if e["card"] == card]
        if not mine:
            continue
        newest = max(e["at"] for e in mine)
        hour = [e for e in mine if newest - HOUR < e["at"]]
        day = [a for e in mine if newest - 24 * HOUR < e["at"] and (a := believed(e)) is not None]
        answer["velocity", card] = {"n_1h": float(len(hour)), "sum_24h": sum(day) if day else None}
        last = [e for e in mine if e["at"] == newest][-1]
        answer["profile", card] = {
            "amount": believed(last),
            "device_id": last["device"],
            "ingested_at": last["ingested"],
        }
        for device in DEVICES:
            both = [e for e in mine if e["device"] == device]
            if both:
                newest = max(e["at"] for e in both)
                day = [a for e in both if newest - 24 * HOUR < e["at"] and (a := believed(e)) is not None]
                answer["pair", entity_key([card, device])] = {"mean_24h": sum(day) / len(day) if day else None}
    return answer


@pytest.mark.parametrize("seed", range(3))
def test_online_is_offline_is_the_oracle(store: OnlineStore, seed: int, tmp_path: Path) -> None:
    tenant = f"t{new_id('x')[-8:]}"  # a server keeps what other tests wrote
    catalog, clock = catalog_of(tenant), FixedClock(NOW)
    offline, operations, rng = DeltaOfflineStore(tmp_path / "offline"), Operations(), random.Random(seed)
    progress = InMemoryProgress()

    def process() -> Materializer:
        return Materializer(catalog, offline, store, Resources(), operations, clock, progress, checkpoint_s=0.0)

    materializer = process()
    events: dict[str, dict[str, Any]] = {}
    held_back = 0
    for batch, rows in enumerate(deliveries(rng)):
        offline.append(f"payments_{tenant}", payments(rows, ingested=clock.now()))
        held_back += 1
        for event in rows[:-1]:
            events.setdefault(event["id"], {**event, "ingested": clock.now()})
        if seed % 2 and batch == 3:
            materializer = process()  # and goes on
        for feature_view in catalog.feature_views:
            run = materializer.run(feature_view.name, tenant)
            assert run.status == "succeeded", run.error
        clock.advance(MINUTE)
    if seed == 2:
        start, end = NOW - 30 * HOUR, NOW + HOUR
        for feature_view in catalog.feature_views:
            assert process().backfill(feature_view.name, start, end, tenant).status == "succeeded"
    assert materializer.counts["velocity", tenant, "held_back"] == (held_back if seed % 2 == 0 else 3)
    assert materializer.counts["velocity", tenant, "duplicates"] > 0
    for (name, key), values in expected(list(events.values())).items():
        online = store.read(tenant, [(name, key)], now=clock.now(), ttls={})[0]
        assert dict(online.values) == values, (name, key, "online")
        assert newest(offline, catalog.feature_view(name), key) == values, (name, key, "offline")


@pytest.mark.parametrize("made", ["load", "stream", "load, backfill", "stream, backfill"])
@pytest.mark.parametrize("amounts", [(5.0, 1.0, None), (None, 1.0, 5.0)])
def test_rows_of_one_time_are_settled_alike(
    store: OnlineStore, amounts: tuple[float | None, ...], made: str, tmp_path: Path
) -> None:
    """Of events of one key, event and created time the greatest values count, whatever their ids and order are."""
    tenant = f"t{new_id('x')[-8:]}"
    catalog, clock = catalog_of(tenant), FixedClock(NOW)
    offline = DeltaOfflineStore(tmp_path / "offline")
    progress = InMemoryProgress()
    materializer = Materializer(
        catalog, offline, store, Resources(), Operations(), clock, progress, checkpoint_s=0.0, chunk_rows=2
    )
    events = [{"id": f"e{n}", "at": NOW, "card": "c1", "amount": amount} for n, amount in enumerate(amounts)]
    offline.append(f"payments_{tenant}", payments(events, ingested=NOW))
    if made.startswith("load"):
        materializer.load_history("profile", tenant)
    else:
        assert materializer.run("profile", tenant).status == "succeeded"
    clock.advance(MINUTE)
    if made.endswith("backfill"):
        run = materializer.backfill("profile", NOW - HOUR, NOW + HOUR, tenant)
        assert (run.status, run.rows) == ("succeeded", 0), "nothing changed"
    catalog_view = catalog.feature_view("profile")
    (online,) = store.read(tenant, [("profile", "c1")], now=clock.now(), ttls={})
    moment = pa.table({"card_id": ["c1"], "event_timestamp": pa.array([NOW + HOUR], pa.timestamp("us", "UTC"))})
    past = get_historical_features(offline, catalog, ["profile:amount"], moment, tenant=tenant)
    assert online.values["amount"] == past["profile__amount"][0].as_py() == 5.0
    unused: Any = None
    platform = PlatformView(clock, catalog, Lineage((), {}), offline, store, Resources(), unused, unused)
    sample = store.sample(tenant, "profile", 10)
    agreement = compare(platform, catalog_view, catalog.sources[0], sample)
    assert agreement.mismatches == 0, agreement.said
    assert agreement.online.compared == agreement.history.compared == len(catalog_view.fields)


def newest(offline: DeltaOfflineStore, view: FeatureView, key: str) -> dict[str, Any]:
    """What a point-in-time join sees now: the newest event time, of that the row created last."""
    rows: pa.Table = offline.read(f"features_{view.name}")
    mine = [row for row in rows.to_pylist() if row["key"] == key]
    best = max(mine, key=lambda row: (row["event_ts"], row["created_ts"]))
    return {feature.name: best[feature.name] for feature in view.fields}
