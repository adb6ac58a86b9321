"""The real parts of the platform that the simulated company runs on, assembled from plain values."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Engine

from audit.port import AuditLog
from foundation.clock import Clock
from platform_core.catalog.loading import load_catalog
from platform_core.catalog.specs import Catalog
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.port import OnlineStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.training.registry import ModelRegistry

CATALOG_DIRECTORY = Path(__file__).parent / "catalog"

_SIMULATED: Sequence[str] = (
    "offline",
    "models",
    "online.db",
    "online.db-wal",
    "online.db-shm",
    "vigia.db",
    "vigia.db-wal",
    "vigia.db-shm",
    "checkpoints.db",
    "checkpoints.db-wal",
    "checkpoints.db-shm",
    "reports",
    "runbooks",
)


@dataclass(frozen=True)
class PlatformParts:
    """Stores and registries over one data directory and one metadata database."""

    data_dir: Path
    engine: Engine
    clock: Clock
    audit: AuditLog
    catalog: Catalog
    offline: DeltaOfflineStore
    online: OnlineStore
    resources: SqlResources
    operations: SqlOperations
    registry: ModelRegistry


def assemble(
    data_dir: Path, engine: Engine, clock: Clock, audit: AuditLog, *, online: OnlineStore | None = None
) -> PlatformParts:
    """The parts over `data_dir`; the online store is SQLite there unless another is given."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return PlatformParts(
        data_dir=data_dir,
        engine=engine,
        clock=clock,
        audit=audit,
        catalog=load_catalog(CATALOG_DIRECTORY),
        offline=DeltaOfflineStore(data_dir / "offline"),
        online=online if online is not None else SqliteOnlineStore(data_dir / "online.db"),
        resources=SqlResources(engine, clock, audit),
        operations=SqlOperations(engine),
        registry=ModelRegistry(engine, clock, audit, data_dir / "models"),
    )


def clear(data_dir: Path) -> None:
    """Remove what a simulated platform left in `data_dir`, keys excepted. Call it before anything is opened there."""
    for name in _SIMULATED:
        path = data_dir / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
