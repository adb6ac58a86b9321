"""A connector and its controller: it carries a topic's rows into the offline store and reports how it is doing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from platform_core.features.offline.port import OfflineStore
from platform_core.operations.resources import ConnectorSpec
from platform_core.simulation.company import TIMESTAMP
from platform_core.simulation.topic import Topic


class Connector:
    """One task. A crash stops it until its resource's `restarts` is raised; what was not drained stays in the topic."""

    def __init__(self, topic: Topic, offline: OfflineStore, *, table: str, restarts: int = 0) -> None:
        self._topic = topic
        self._offline = offline
        self._table = table
        self._committed = topic.end
        self._restarts = restarts
        self._error: str | None = None

    @property
    def backlog(self) -> int:
        return self._topic.end - self._committed

    def crash(self, error: str) -> None:
        """The task dies with `error`; nobody restarts it by itself."""
        self._error = error

    def step(self, spec: ConnectorSpec, now: datetime) -> dict[str, Any]:
        """Converge on `spec`, drain what there is, and return the status to report."""
        if spec.restarts > self._restarts:
            self._restarts = spec.restarts
            self._error = None
        if self._error is not None:
            return {"state": "failed", "error": self._error, "backlog": self.backlog}
        if spec.desired == "paused":
            return {"state": "paused", "error": None, "backlog": self.backlog}
        self._drain(now)
        return {"state": "running", "error": None, "backlog": self.backlog}

    def _drain(self, now: datetime) -> None:
        end = self._topic.end
        rows = self._topic.read(self._committed)
        if rows is None:
            return
        ingested = pa.repeat(pa.scalar(now, TIMESTAMP), rows.num_rows)
        self._offline.append(self._table, rows.append_column("ingested_at", ingested))
        self._committed = end
        self._topic.delete_before(end)
