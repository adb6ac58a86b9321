"""The catalog in force: immutable versions in the database, one row of them per environment, applied with an audit
entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.canonical import digest
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.ids import new_id
from platform_core.access.principals import Environment
from platform_core.catalog.contract import ModelReader, refusals
from platform_core.catalog.graph import build_lineage
from platform_core.catalog.plan import CatalogPlan, compare, tenants_of, within
from platform_core.catalog.references import check_references
from platform_core.catalog.specs import Catalog
from platform_core.catalog.tables import catalog_versions as t
from platform_core.operations.resources import ResourceReader
from platform_core.operations.sql_timeline import insert_change
from platform_core.operations.timeline import ChangeEvent

Readers = Callable[[], Sequence[ModelReader]]
"""The model versions in production of this environment, as they are now."""


class CatalogStore:
    """Of one environment. Without `resources` plans name no models and endpoints; without `readers` nothing is refused
    (a platform that is only being set up has none)."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        *,
        environment: Environment = "production",
        resources: ResourceReader | None = None,
        readers: Readers = lambda: (),
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._environment: Environment = environment
        self._resources = resources
        self._readers = readers

    def current(self) -> Catalog:
        """Raises NotFound when none was applied yet."""
        with reading(self._engine) as connection:
            found = self._newest(connection)
        if found is None:
            raise NotFound(
                f"no catalog was applied to {self._environment} yet", hint="apply one: vigia features apply DIRECTORY"
            )
        return found[1]

    def version(self) -> int:
        """The number of the catalog in force; 0 when there is none."""
        with reading(self._engine) as connection:
            return self.version_in(connection)

    def version_in(self, connection: Connection) -> int:
        """As `version`, in the caller's transaction."""
        query = sa.select(sa.func.coalesce(sa.func.max(t.c.version), 0)).where(t.c.environment == self._environment)
        return connection.execute(query).scalar_one()

    def plan(self, catalog: Catalog) -> CatalogPlan:
        """What `apply` would change. Raises InvalidInput when the catalog's references do not hold."""
        check_references(catalog)
        readers = self._readers()
        with reading(self._engine) as connection:
            return self._plan(self._newest(connection), catalog, readers)

    def apply(
        self,
        catalog: Catalog,
        actor: str,
        *,
        tenants: frozenset[str] | None = None,
        base: int | None = None,
        reviewed: str | None = None,
    ) -> CatalogPlan:
        """Store `catalog` as a new version, in one transaction with its audit entry; nothing when nothing changed.

        `base` is the version that it was planned on, `reviewed` the digest that the plan showed. `tenants` are those
        that the actor acts for; None: all. Returns what changed.

        Raises Forbidden when a change concerns another tenant, also one whose items would go, and Conflict when `base`
        or `reviewed` is not what is there now, when production models read what would go or change, and when somebody
        applied another catalog at the same moment.
        """
        check_references(catalog)
        try:
            with transaction(self._engine) as connection:
                # Read while nobody else can apply: a rollout that changes right after this sees the new catalog.
                found = self._newest(connection)
                plan = self._plan(found, catalog, self._readers())
                concerned = tenants_of(found[1] if found else None, within(catalog, self._environment), plan.changes)
                if tenants is not None and (others := sorted(concerned - tenants)):
                    raise Forbidden(
                        f"{actor} does not act for {', '.join(others)}",
                        hint="this would change or remove what is theirs, or what they share",
                    )
                self._check(plan, base, reviewed)
                if plan.changes:
                    self._store(connection, within(catalog, self._environment), plan, actor)
                return plan
        except IntegrityError as error:
            raise Conflict("another catalog was applied at the same moment", hint="plan again") from error

    def _check(self, plan: CatalogPlan, base: int | None, reviewed: str | None) -> None:
        if base is not None and base != plan.base_version:
            raise Conflict(
                f"the catalog of {plan.environment} is at version {plan.base_version}, this was planned on {base}",
                hint="somebody applied another one in between: plan again",
            )
        if reviewed is not None and reviewed != plan.digest:
            raise Conflict(
                f"these files have the digest {plan.digest[:12]}, reviewed was {reviewed[:12]}",
                hint="plan again: the files changed since",
            )
        if plan.refusals:
            said = "\n".join(f"  {refusal.what}: read by {refusal.reader}" for refusal in plan.refusals)
            raise Conflict(
                f"models in {plan.environment} read what this would take away or change:\n{said}",
                hint="add the new feature under a new name, move the models to it, then remove the old one",
            )

    def _store(self, connection: Connection, catalog: Catalog, plan: CatalogPlan, actor: str) -> None:
        version = plan.base_version + 1
        row = {"environment": plan.environment, "version": version, "digest": plan.digest, "actor": actor}
        document = catalog.model_dump(mode="json")
        connection.execute(sa.insert(t).values(**row, document=document, applied_at=self._clock.now()))
        changes = [change.model_dump(mode="json") for change in plan.changes]
        payload = {"environment": plan.environment, "version": version, "digest": plan.digest, "changes": changes}
        record = AuditRecord(
            action="catalog.applied", actor=actor, subject=f"catalog:{plan.environment}:{version}", payload=payload
        )
        self._audit.append(record, connection=connection)
        event = ChangeEvent(
            id=new_id("chg"),
            at=self._clock.now(),
            kind="catalog",
            subject=record.subject,
            summary=_summary(version, plan),
            author=actor,
            details={"version": version, "digest": plan.digest, "changes": len(changes)},
        )
        insert_change(connection, event)

    def _plan(self, found: tuple[int, Catalog] | None, catalog: Catalog, readers: Sequence[ModelReader]) -> CatalogPlan:
        version, before = (0, None) if found is None else found
        after = within(catalog, self._environment)
        resources = [] if self._resources is None else self._resources.list()
        here = [r for r in resources if r.environment == self._environment]
        lineages = (build_lineage(before or after, here), build_lineage(after, here))
        return CatalogPlan(
            environment=self._environment,
            base_version=version,
            digest=digest(after.model_dump(mode="json")),
            changes=compare(before, after, lineages),
            refusals=refusals(before, after, readers),
        )

    def _newest(self, connection: Connection) -> tuple[int, Catalog] | None:
        query = sa.select(t.c.version, t.c.document).where(t.c.environment == self._environment)
        row = connection.execute(query.order_by(t.c.version.desc()).limit(1)).one_or_none()
        return None if row is None else (row.version, Catalog.model_validate(row.document))


def _summary(version: int, plan: CatalogPlan) -> str:
    told = [f"{change.kind} {change.name} {change.change}" for change in plan.changes[:5]]
    more = len(plan.changes) - len(told)
    return f"catalog version {version}: {', '.join(told) or 'nothing'}{f' and {more} more' if more else ''}"
