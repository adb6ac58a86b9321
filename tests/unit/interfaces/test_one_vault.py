"""A process has one vault, for naming and for revealing, and its worker forgets in it once a day."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.redaction import Daily, daily_chores, open_vault, redactor
from interfaces.settings import Settings
from tests.conftest import NIGHT


def test_who_names_and_who_reveals_share_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    name = redactor(settings).redact("529.982.247-25")
    vault = open_vault(settings)
    assert open_vault(Settings(data_dir=tmp_path)) is vault
    assert vault.reveal(name) == "52998224725"
    assert open_vault(Settings(data_dir=tmp_path / "other")) is not vault


def test_forgetting_is_a_chore_of_every_day() -> None:
    clock, done = FixedClock(NIGHT), list[int]()
    failing = [Unavailable("locked")]

    def forget() -> None:
        if failing:
            raise failing.pop()
        done.append(1)

    daily = Daily(forget, clock)
    assert daily.step() is False
    clock.advance(timedelta(hours=25))
    with pytest.raises(Unavailable):
        daily.step()
    assert daily.step() is True
    assert daily.step() is False
    clock.advance(timedelta(hours=25))
    assert daily.step() is True
    assert len(done) == 2


def test_the_worker_has_it_among_its_chores(tmp_path: Path) -> None:
    base = open_foundations(Settings(data_dir=tmp_path))
    (chore,) = daily_chores(base)
    assert chore() is False, "opening it forgot already"
    base.engine.dispose()
