"""The platform as observers see it: read-only ports in one place. Holds no credential and no way to change anything."""

from __future__ import annotations

from dataclasses import dataclass

from foundation.clock import Clock
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog
from platform_core.features.offline.port import OfflineStore
from platform_core.features.online.port import OnlineStore
from platform_core.operations.resources import ResourceReader
from platform_core.operations.timeline import OperationsReader
from platform_core.serving.types import PredictionLog


@dataclass(frozen=True)
class PlatformView:
    clock: Clock
    catalog: Catalog
    lineage: Lineage
    offline: OfflineStore
    online: OnlineStore
    resources: ResourceReader
    operations: OperationsReader
    predictions: PredictionLog
