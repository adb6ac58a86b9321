"""The catalog in force: immutable versions in the database, applied with an audit entry."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.canonical import digest
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, NotFound
from platform_core.catalog.plan import CatalogPlan, compare
from platform_core.catalog.references import check_references
from platform_core.catalog.specs import Catalog
from platform_core.catalog.tables import catalog_versions as t


class CatalogStore:
    def __init__(self, engine: Engine, clock: Clock, audit: AuditLog) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit

    def current(self) -> Catalog:
        """Raises NotFound when none was applied yet."""
        with reading(self._engine) as connection:
            found = _newest(connection)
        if found is None:
            raise NotFound("no catalog was applied yet", hint="apply one: vigia catalog apply <directory>")
        return found[1]

    def version(self) -> int:
        """The number of the catalog in force; 0 when there is none."""
        with reading(self._engine) as connection:
            return connection.execute(sa.select(sa.func.coalesce(sa.func.max(t.c.version), 0))).scalar_one()

    def plan(self, catalog: Catalog) -> CatalogPlan:
        """What `apply` would change. Raises InvalidInput when the catalog's references do not hold."""
        check_references(catalog)
        with reading(self._engine) as connection:
            return _plan(connection, catalog)

    def apply(self, catalog: Catalog, actor: str) -> CatalogPlan:
        """Store `catalog` as a new version, in one transaction with its audit entry; nothing when nothing changed.

        Returns what changed. Raises Conflict when somebody applied another catalog at the same moment.
        """
        check_references(catalog)
        try:
            with transaction(self._engine) as connection:
                plan = _plan(connection, catalog)
                if plan.changes:
                    self._store(connection, catalog, plan, actor)
                return plan
        except IntegrityError as error:
            raise Conflict("another catalog was applied at the same moment", hint="plan again") from error

    def _store(self, connection: Connection, catalog: Catalog, plan: CatalogPlan, actor: str) -> None:
        version = plan.base_version + 1
        document = catalog.model_dump(mode="json")
        connection.execute(
            sa.insert(t).values(
                version=version, digest=plan.digest, document=document, applied_at=self._clock.now(), actor=actor
            )
        )
        changes = [change.model_dump(mode="json") for change in plan.changes]
        payload = {"version": version, "digest": plan.digest, "changes": changes}
        record = AuditRecord(action="catalog.applied", actor=actor, subject=f"catalog:{version}", payload=payload)
        self._audit.append(record, connection=connection)


def _plan(connection: Connection, catalog: Catalog) -> CatalogPlan:
    found = _newest(connection)
    return CatalogPlan(
        base_version=0 if found is None else found[0],
        digest=digest(catalog.model_dump(mode="json")),
        changes=compare(None if found is None else found[1], catalog),
    )


def _newest(connection: Connection) -> tuple[int, Catalog] | None:
    row = connection.execute(sa.select(t.c.version, t.c.document).order_by(t.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else (row.version, Catalog.model_validate(row.document))
