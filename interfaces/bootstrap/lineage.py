"""Lineage that keeps up: built from the catalog and the control plane's resources, and built again when they change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from foundation.errors import VigiaError
from foundation.telemetry.logs import get_logger
from platform_core.catalog.graph import build_lineage
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog
from platform_core.operations.resources import ResourceReader

log = get_logger(__name__)
REREAD_SECONDS = 5.0
"""On the wall."""


class LiveCatalog:
    """The catalog in force at most `REREAD_SECONDS` ago; while it cannot be read, what was known last holds."""

    def __init__(self, read: Callable[[], Catalog], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Reads it once. Raises what `read` raises."""
        self._read = read
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._current = read()
        self._due = monotonic() + REREAD_SECONDS

    def __call__(self) -> Catalog:
        with self._lock:
            if self._monotonic() >= self._due:
                try:
                    self._current = self._read()
                except VigiaError as error:
                    log.warning("catalog not read again", reason=error.message)
                self._due = self._monotonic() + REREAD_SECONDS
            return self._current


class LiveLineage(Lineage):
    """Answers as a Lineage does, from what was there at most `REREAD_SECONDS` ago: endpoints come and go while a
    process runs. While the control plane does not answer, what was known last holds."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        resources: ResourceReader,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__((), {})
        self._catalog = catalog
        self._resources = resources
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._current = Lineage((), {})
        self._due = 0.0

    def current(self) -> Lineage:
        """The graph as it is now, for callers that ask it several things which must agree."""
        with self._lock:
            if self._monotonic() >= self._due:
                try:
                    self._current = build_lineage(self._catalog(), self._resources.list())
                except VigiaError as error:
                    log.warning("lineage not read again", reason=error.message)
                self._due = self._monotonic() + REREAD_SECONDS
            return self._current

    @property
    def nodes(self) -> frozenset[str]:
        return self.current().nodes

    def tenant(self, node: str) -> str | None:
        return self.current().tenant(node)

    def downstream(self, node: str, *, tenant: str | None = None) -> list[str]:
        return self.current().downstream(node, tenant=tenant)

    def upstream(self, node: str, *, tenant: str | None = None) -> list[str]:
        return self.current().upstream(node, tenant=tenant)

    def connected(self, first: str, second: str, *, tenant: str | None = None) -> bool:
        return self.current().connected(first, second, tenant=tenant)
