"""Nothing slow is done while the database is held: files are hashed, signed and flushed before, and looked at again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.database import reading, transaction
from foundation.errors import Conflict
from platform_core.training import staging
from platform_core.training.store import ModelStore
from tests.fakes.promoting import MODEL, Promoting


@pytest.fixture
def bench(engine: Engine, clock: FixedClock, tmp_path: Path) -> Promoting:
    """Version 1 in production, version 2 in staging."""
    bench = Promoting(engine, clock, tmp_path / "models")
    bench.registry.adopt(MODEL, bench.register(), "human:ana")
    bench.staged(seed=2)
    bench.under_control()
    return bench


def test_no_file_is_read_or_flushed_and_no_catalog_asked_for_in_a_transaction(
    bench: Promoting, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def outside(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            other = sqlite3.connect(str(bench.engine.url.database), timeout=0, isolation_level=None)
            try:
                other.execute("BEGIN IMMEDIATE")  # raises when somebody is writing
            finally:
                other.close()
            asked.append(what)
            return original(*arguments, **named)

        return call

    monkeypatch.setattr(ModelStore, "open", outside("files", ModelStore.open))
    monkeypatch.setattr(ModelStore, "seal", outside("seal", ModelStore.seal))
    monkeypatch.setattr(staging, "_write", outside("flush", staging._write))
    catalog = bench.catalog
    bench.promotions = replace(bench.promotions, catalog=outside("catalog", lambda: catalog))
    object.__setattr__(bench.resources._admissions["model"], "promotions", bench.promotions)

    bench.set("2", bench.judge("2", "production").id)
    assert asked == ["files", "catalog"]
    bench.set("1", None)
    fresh = bench.register()
    bench.judge(fresh, "staging")
    bench.to_staging(fresh)
    bench.registry.sign(MODEL, fresh, "human:root")
    assert asked[2:] == ["files", "catalog", "flush", "files", "catalog", "seal", "flush", "files"]


def test_what_changes_between_the_look_and_the_move_is_seen_in_the_move(bench: Promoting) -> None:
    usable = bench.promotions.look(MODEL, "2")
    path = bench.directory / MODEL / "2" / "card.md"
    with reading(bench.engine) as connection:
        bench.promotions.still(connection, usable)
    written = path.stat()
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"!")
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))
    with transaction(bench.engine) as connection, pytest.raises(Conflict, match="were changed at this very moment"):
        bench.promotions.still(connection, usable)
    path.write_bytes(content)
    (path.parent / "extra").write_bytes(b"")
    with reading(bench.engine) as connection, pytest.raises(Conflict, match="were changed"):
        bench.promotions.still(connection, usable)


def test_a_catalog_that_is_applied_between_the_look_and_the_move_moves_nothing(bench: Promoting) -> None:
    versions = iter([4, 5])
    moved_on = replace(bench.promotions, catalog_version=lambda _: next(versions))
    bench.judge(fresh := bench.register(), "staging")
    with pytest.raises(Conflict, match="the catalog was changed while fraud_score version 3 was looked at"):
        moved_on.to_staging(MODEL, fresh, actor="human:ana")
    assert bench.registry.get(MODEL, fresh).stage == "dev"


def test_a_change_that_was_made_is_answered_again_whatever_became_of_the_files(bench: Promoting) -> None:
    review = bench.judge("2", "production").id
    change: dict[str, Any] = {"expected_revision": 1, "idempotency_key": "once", "actor": "service:w", "reason": "test"}
    fields = {"production": "2", "review": review}
    first = bench.resources.patch("urn:vigia:model:fraud_score", fields, **change)
    bench.tamper("2")
    again = bench.resources.patch("urn:vigia:model:fraud_score", fields, **change)
    assert (again.replayed, again.change_event_id) == (True, first.change_event_id)
