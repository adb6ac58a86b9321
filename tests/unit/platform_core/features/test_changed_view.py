"""A view that means something else is computed anew, and nothing is mixed with what was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from platform_core.catalog.specs import Catalog, FeatureView
from platform_core.features.materialization import Materializer
from platform_core.features.progress import Progress, SqlProgress
from tests.fakes.velocity import CATALOG, HOUR, aggregation

NOW = datetime.fromisoformat("2026-11-19T05:51:00+00:00")
VIEW = "card_velocity"


def changed(**fields: Any) -> Catalog:
    views: list[FeatureView] = [v.model_copy(update=fields) if v.name == VIEW else v for v in CATALOG.feature_views]
    return CATALOG.model_copy(update={"feature_views": tuple(views)})


def under(catalog: Catalog, platform: Any, **more: Any) -> Materializer:
    return Materializer(
        catalog,
        platform.offline,
        platform.online,
        platform.resources,
        platform.operations,
        platform.clock,
        platform.progress,
        checkpoint_s=0.0,
        **more,
    )


WIDER = changed(
    aggregations=(
        aggregation("tx_count_1h", "count", "event_id", 24 * HOUR),
        aggregation("new_24h", "count", "event_id", 24 * HOUR),
    )
)


def delivered(platform: Any) -> None:
    platform.deliver({"at": NOW - 3 * HOUR, "card": "c1"}, {"at": NOW - HOUR / 2, "card": "c1"})
    platform.materializer.catch_up(VIEW, "br")
    platform.clock.advance(timedelta(minutes=1))


def test_the_stream_refuses_and_says_what_to_do_and_a_load_mends_it(platform: Any) -> None:
    delivered(platform)
    new = under(WIDER, platform)
    run = new.run(VIEW, "br")
    assert run.status == "failed"
    assert "card_velocity was changed" in (run.error or "")
    assert platform.values("c1")["tx_count_1h"] == 1.0
    assert new.catch_up(VIEW, "br").rows == 2
    assert platform.values("c1") == {"tx_count_1h": 2.0, "new_24h": 2.0}
    newest = platform.offline.read("features_card_velocity").sort_by("created_ts").to_pylist()[-2:]
    assert sorted(row["new_24h"] for row in newest) == [1.0, 2.0]
    platform.deliver({"at": NOW, "card": "c1"})
    assert new.run(VIEW, "br").status == "succeeded"
    assert platform.values("c1") == {"tx_count_1h": 3.0, "new_24h": 3.0}


def test_a_load_that_was_interrupted_goes_on_and_still_wins(platform: Any) -> None:
    delivered(platform)

    def stop(_advance: Any) -> None:
        raise KeyboardInterrupt

    new = under(WIDER, platform, chunk_rows=1)
    with pytest.raises(KeyboardInterrupt):
        new.catch_up(VIEW, "br", on_chunk=stop)
    assert new.run(VIEW, "br").status == "failed", "half of it is the old meaning"
    assert new.catch_up(VIEW, "br").status == "succeeded"
    assert platform.values("c1") == {"tx_count_1h": 2.0, "new_24h": 2.0}


@pytest.mark.parametrize("fields", [{"description": "said better"}, {"owner": "others"}, {"ttl": timedelta(days=9)}])
def test_what_is_only_said_about_it_changes_no_value(platform: Any, fields: dict[str, Any]) -> None:
    delivered(platform)
    assert under(changed(**fields), platform).run(VIEW, "br").status == "succeeded"


def test_progress_from_before_definitions_were_noted_is_taken_as_it_is(platform: Any) -> None:
    delivered(platform)
    platform.progress.save(VIEW, "br", Progress(platform.progress.load(VIEW, "br").watermark))
    assert under(CATALOG, platform).run(VIEW, "br").status == "succeeded"
    assert under(WIDER, platform).run(VIEW, "br").status == "failed", "noted by now"


def test_the_definition_survives_in_the_database(engine: Engine, clock: FixedClock) -> None:
    store = SqlProgress(engine, clock)
    store.save(VIEW, "br", Progress(3, as_of=NOW, definition="d" * 64))
    loaded = store.load(VIEW, "br")
    assert loaded is not None
    assert (loaded.definition, loaded.as_of) == ("d" * 64, NOW)
