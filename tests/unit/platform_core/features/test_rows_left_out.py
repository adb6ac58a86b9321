"""What is in no feature is counted where people look: in the run, and in what `/metrics` shows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from platform_core.features.online.sqlite import SqliteOnlineStore
from tests.fakes.velocity import NOW, payments

HOUR = timedelta(hours=1)


def test_rows_that_the_online_store_refused_and_rows_without_a_key(platform: Any, tmp_path: Path) -> None:
    platform.online = SqliteOnlineStore(tmp_path / "strict.db", clock=platform.clock)
    platform.materializer = platform.restarted()
    ahead = payments([{"at": NOW + 3 * HOUR, "card": "c9"}], ingested=NOW + 3 * HOUR)  # whoever wrote it is wrong too
    platform.offline.append("payments_br", ahead)
    platform.deliver({"at": NOW, "card": "c1"}, {"at": NOW, "card": None})
    loaded = platform.materializer.catch_up("card_velocity", "br")
    assert (loaded.status, loaded.counts) == ("succeeded", {"taken": 2, "unkeyed": 1, "refused": 1})
    platform.offline.append("payments_br", payments([{"at": NOW + 4 * HOUR, "card": "c9"}], ingested=NOW + 4 * HOUR))
    platform.deliver({"at": NOW - HOUR / 2, "card": None}, {"at": NOW, "card": "c2"}, {"at": NOW, "card": "c3"})
    run = platform.run()
    assert run.counts == {"taken": 4, "unkeyed": 1, "refused": 1}
    counts = platform.materializer.counts
    assert [counts["card_velocity", "br", kind] for kind in ("refused", "unkeyed")] == [2, 2]
    assert platform.online.take_refused("br", "card_velocity") == 0, "each refusal is told once"
    again = platform.materializer.backfill("card_velocity", NOW - HOUR, NOW + 9 * HOUR, "br")
    assert again.counts == {"taken": 5, "unkeyed": 2, "refused": 2}
