"""Every attack is tried on every act tool, with its guard and without."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foundation.database import open_database
from platform_core.operations.resources import Resource
from tests.fakes.act_cases import NAMES
from tests.fakes.bypass import Bench, Disarmed, undurable
from tests.fakes.observed_platform import ObservedPlatform, observed_platform

MakeBench = Callable[..., Bench]


@pytest.fixture(params=NAMES)
def tool(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[True, False], ids=["guarded", "control"])
def guarded(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def disarmed(monkeypatch: pytest.MonkeyPatch) -> Disarmed:
    return Disarmed(monkeypatch)


@pytest.fixture(scope="session")
def attacked_platform() -> tuple[ObservedPlatform, list[Resource]]:
    """Both tenants with a renamed column, so that every action has something to do in either."""
    platform = observed_platform()
    resources = list(platform.resources.by_urn.values())
    for tenant in ("br", "ar"):
        platform.plant(
            tenant,
            lambda rows: rows.rename_columns(
                ["device_fingerprint" if c == "device_id" else c for c in rows.column_names]
            ),
        )
    return platform, resources


@pytest.fixture
def make_bench(
    tool: str, tmp_path: Path, migrated_database: Path, attacked_platform: tuple[ObservedPlatform, list[Resource]]
) -> Iterator[MakeBench]:
    path = tmp_path / "vigia.db"
    shutil.copyfile(migrated_database, path)
    platform, resources = attacked_platform
    with undurable(open_database(f"sqlite:///{path}")) as engine:
        yield lambda *, careless=False: Bench(tool, engine, platform, resources, careless=careless)


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench()
