"""A small platform: one source per tenant, three views, and the ports around them held in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.clock import FixedClock
from platform_core.catalog.specs import Catalog
from platform_core.features.materialization import Materializer
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.port import OnlineStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.progress import InMemoryProgress
from platform_core.operations.resources import JobSpec, SourceSpec
from platform_core.operations.timeline import JobRun
from tests.fakes.velocity import CATALOG, NOW, Operations, Resources, payments


@dataclass
class Platform:
    clock: FixedClock
    offline: DeltaOfflineStore
    online: OnlineStore
    resources: Resources = field(default_factory=Resources)
    operations: Operations = field(default_factory=Operations)
    progress: InMemoryProgress = field(default_factory=InMemoryProgress)

    def __post_init__(self) -> None:
        self.materializer = self.restarted()

    def restarted(self) -> Materializer:
        """A materializer of a new process on the same stores."""
        return Materializer(
            CATALOG,
            self.offline,
            self.online,
            self.resources,
            self.operations,
            self.clock,
            self.progress,
            checkpoint_s=0.0,
        )

    def deliver(self, *events: dict[str, Any], tenant: str = "br", **columns: Any) -> None:
        self.offline.append(f"payments_{tenant}", payments(events, ingested=self.clock.now(), **columns))

    def run(self, view: str = "card_velocity", tenant: str = "br") -> JobRun:
        self.clock.advance(timedelta(milliseconds=1))
        return self.materializer.run(view, tenant)

    def values(self, key: str, view: str = "card_velocity", tenant: str = "br") -> dict[str, float | None]:
        return dict(self.online.read(tenant, [(view, key)], now=self.clock.now(), ttls={})[0].values)

    def set_source(self, tenant: str = "br", **spec: Any) -> None:
        self.resources.specs[f"urn:vigia:source:payments_{tenant}"] = SourceSpec(**spec)

    def set_job(self, view: str, desired: Any) -> None:
        subject = f"urn:vigia:feature_view:{view}"
        self.resources.specs[f"urn:vigia:job:materialize-{view}"] = JobSpec(subject=subject, desired=desired)


def new_platform(directory: Path) -> Platform:
    return Platform(
        FixedClock(NOW), DeltaOfflineStore(directory / "offline"), SqliteOnlineStore(directory / "online.db")
    )


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return new_platform(tmp_path)


@pytest.fixture(scope="session")
def make_platform() -> Callable[[Path], Platform]:
    return new_platform


@pytest.fixture
def catalog() -> Catalog:
    return CATALOG
