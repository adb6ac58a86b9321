"""The fields that are personal: by the catalog's files and by the catalog in force, as somebody applies another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from audit.log import SqlAuditLog
from foundation.clock import Clock
from foundation.database import open_database
from foundation.errors import NotFound, VigiaError
from guardrails.redaction.classified import ClassifiedFields
from platform_core.access.principals import Environment
from platform_core.catalog.specs import Catalog
from platform_core.catalog.store import CatalogStore

LOOK_EVERY_SECONDS = 10.0
_PERSONAL = ("pii", "sensitive")


def classified_fields(*catalogs: Catalog) -> ClassifiedFields:
    """Columns and features that any of the catalogs calls `pii` or `sensitive`."""
    return ClassifiedFields(name for catalog in catalogs for name in _personal(catalog))


class FieldsInForce:
    """Called, it answers the fields if another catalog has come into force, else None; it looks every ten seconds.

    What the files call personal stays personal whatever was applied. While the database cannot be read, or has no
    schema yet, what was known last holds.
    """

    def __init__(
        self,
        files: Catalog,
        database_url: str,
        clock: Clock,
        environment: Environment,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._url = sa.make_url(database_url)
        self._clock = clock
        self._environment: Environment = environment
        self._timer = timer
        self._lock = threading.Lock()
        self._store: CatalogStore | None = None
        self._version = 0
        self._next = float("-inf")

    def __call__(self) -> ClassifiedFields | None:
        # Whoever finds it locked goes on with the older fields: also our own log lines, redacted while we look.
        if self._timer() < self._next or not self._lock.acquire(blocking=False):
            return None
        try:
            self._next = self._timer() + LOOK_EVERY_SECONDS
            return self._look()
        except VigiaError:
            return None
        finally:
            self._lock.release()

    def _look(self) -> ClassifiedFields | None:
        if self._store is None:
            if self._url.get_backend_name() == "sqlite" and not Path(self._url.database or "").is_file():
                return None  # looking must not make the file
            engine = open_database(self._url.render_as_string(hide_password=False))
            log = SqlAuditLog(engine, self._clock)
            self._store = CatalogStore(engine, self._clock, log, environment=self._environment)
        version = self._store.version()
        if version == self._version:
            return None
        try:
            fields = classified_fields(self._files, self._store.current())
        except NotFound:
            return None
        self._version = version
        return fields


def _personal(catalog: Catalog) -> list[str]:
    fields = [*(column for source in catalog.sources for column in source.columns)]
    for view in catalog.feature_views:
        fields += getattr(view, "fields", ())
    return [field.name for field in fields if field.pii in _PERSONAL]
