"""A process that is killed at any point of a registration leaves a whole version, or none and something to clean up."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.database import open_database
from foundation.errors import Unavailable
from platform_core.training.registry import ModelRegistry
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.inference import small_model

NAME = "fraud_score"


@pytest.fixture
def registry(engine: Engine, clock: FixedClock, tmp_path: Path) -> ModelRegistry:
    registry = ModelRegistry(engine, clock, FakeAuditLog(clock), tmp_path / "models")
    registry.register(small_model(1), NAME, "service:training")
    return registry


POINTS: tuple[tuple[Any, str], ...] = ((os, "fsync"), (Path, "rename"), (Path, "chmod"), (FakeAuditLog, "append"))
"""A child dies before one of these."""


def dying(registry: ModelRegistry, url: str, clock: FixedClock, at: int) -> bool:
    """Register in a child that is killed at the `at`-th point; whether it lived to the end."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return not os.WIFSIGNALED(status)
    try:
        left = [at]

        def counted(original: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return original(*arguments, **named)

            return call

        for owner, name in POINTS:
            setattr(owner, name, counted(getattr(owner, name)))
        directory = registry._store._directory
        mine = ModelRegistry(open_database(url), clock, FakeAuditLog(clock), directory)
        mine.register(small_model(1), NAME, "service:training")
    finally:
        os._exit(0)


def test_a_kill_at_any_point_leaves_a_whole_version_or_none(
    registry: ModelRegistry, engine: Engine, clock: FixedClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url, home = str(engine.url), tmp_path / "models" / NAME
    engine.dispose()
    kills = 0
    while not dying(registry, url, clock, kills):
        kills += 1
        assert [v.version for v in registry.list(NAME)] == ["1"], "it was not committed: the audit entry came last"
    assert kills > 10
    assert [v.version for v in registry.list(NAME)] == ["1", "2"]
    for version in ("1", "2"):
        assert registry.load(NAME, version).score_one is not None
    assert sorted(path.name for path in home.iterdir()) == ["1", "2"], "each took away what the one before had left"
    assert dying(registry, url, clock, 10_000)
    registry.load(NAME, "3")


def test_the_first_version_of_a_name_is_on_the_disk_under_that_name(
    engine: Engine, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    registry = ModelRegistry(engine, clock, FakeAuditLog(clock), tmp_path / "new" / "models")
    registry.register(small_model(1), NAME, "service:training")
    home = tmp_path.resolve() / "new" / "models"
    assert {str(home.parent), str(home), str(home / NAME)} <= set(flushed)
    assert flushed.index(str(home)) < flushed.index(str(home / NAME))


def test_leftovers_are_taken_away_and_said_and_live_ones_left_alone(
    registry: ModelRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "models" / NAME
    (home / "2").mkdir()
    (home / "2" / "model.txt").write_text("of a registration that never committed")
    (home / ".7.dead.partial").mkdir()
    signature, files = small_model(1).signature, {"card.md": b"#"}
    about: dict[str, Any] = {"name": NAME, "created_at": registry.get(NAME, "1").created_at, "created_by": "x"}
    with registry._store.written(signature, files | {"signature.json": b"{}"}, version="9", **about):
        assert registry.register(small_model(1), NAME, "service:training").version == "2"
        assert len([path for path in home.iterdir() if path.name.endswith(".partial")]) == 1, "that of the live one"
    registry.load(NAME, "2")
    assert ".7.dead.partial was left by a registration that was cut off: removed" in caplog.text
    assert f"{home / '2'} was in the way, left by a registration that was cut off: removed" in caplog.text
    assert sorted(path.name for path in home.iterdir()) == ["1", "2"]


def test_a_registration_that_fails_leaves_nothing_beside(registry: ModelRegistry, tmp_path: Path) -> None:
    audit = registry._audit
    assert isinstance(audit, FakeAuditLog)
    audit.down = True
    with pytest.raises(Unavailable):
        registry.register(small_model(1), NAME, "service:training")
    audit.down = False
    assert registry.register(small_model(1), NAME, "service:training").version == "2"
    registry.load(NAME, "2")
    with pytest.raises(ZeroDivisionError):
        registry.register(small_model(1), NAME, "service:training", guard=lambda _: 1 // 0)
    assert sorted(path.name for path in (tmp_path / "models" / NAME).iterdir()) == ["1", "2"]
