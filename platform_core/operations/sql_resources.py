"""The control plane in the metadata database: every change is one transaction with its event and its audit entry."""

from __future__ import annotations

import difflib
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping
from sqlalchemy.exc import IntegrityError

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.canonical import digest
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import new_id
from foundation.telemetry import semconv
from foundation.telemetry.traces import span
from platform_core.access.principals import Environment
from platform_core.operations.admission import Admissions, admit, prepare
from platform_core.operations.faults import LATELY, TOLD, told_faults
from platform_core.operations.resources import ControlPlane, Resource, ResourceChange, Spec
from platform_core.operations.spec_patch import SPEC, SpecPatch, as_json, change_kind, patch_spec
from platform_core.operations.sql_timeline import faults_of, insert_change
from platform_core.operations.tables import resource_changes, resources
from platform_core.operations.timeline import ChangeEvent
from platform_core.urn import parse_urn

_WITHDRAWN = "withdrawn"
"""In place of a request's digest: the key is burnt, and whatever arrives under it is refused."""


class SqlResources(ControlPlane):
    def __init__(
        self, engine: Engine, clock: Clock, audit: AuditLog, *, admissions: Admissions = MappingProxyType({})
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._admissions = admissions

    def get(self, urn: str) -> Resource:
        with reading(self._engine) as connection:
            return self._read(connection, urn)

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        """Resources in order of their URNs; with `tenant` those that belong to it, not the shared ones."""
        query = sa.select(resources).order_by(resources.c.urn)
        if kind is not None:
            query = query.where(resources.c.kind == kind)
        if tenant is not None:
            query = query.where(resources.c.tenant == tenant)
        with reading(self._engine) as connection:
            return [_resource(row) for row in connection.execute(query).mappings()]

    def create(
        self,
        urn: str,
        spec: Spec,
        *,
        tenant: str | None = None,
        environment: Environment = "production",
        status: dict[str, Any] | None = None,
        actor: str,
    ) -> Resource:
        kind, _name = parse_urn(urn)
        if kind != spec.kind:
            raise InvalidInput(f"{urn!r} names a {kind} but its spec is that of a {spec.kind}")
        resource = Resource(
            urn=urn,
            tenant=tenant,
            environment=environment,
            spec=spec,
            status=status or {},
            revision=1,
            updated_at=self._clock.now(),
        )
        spec_json = spec.model_dump(mode="json")
        row = {**resource.model_dump(exclude={"spec"}), "spec": spec_json, "kind": kind}
        try:
            with transaction(self._engine) as connection:
                connection.execute(resources.insert().values(row))
                self._audit.append(
                    AuditRecord(
                        action="resource.created", actor=actor, subject=urn, tenant=tenant, payload={"spec": spec_json}
                    ),
                    connection=connection,
                )
        except IntegrityError as error:
            raise Conflict(f"{urn!r} exists already", hint="change it with a patch") from error
        return resource

    def report_status(self, urn: str, status: dict[str, Any]) -> None:
        """What the controller sees now, for what it saw before. Written only if it differs. What is wrong with it is on
        the timeline when that begins and when it is over, a few times if it comes and goes (`faults`)."""
        if self.get(urn).status == status:
            return
        with transaction(self._engine) as connection:
            before, now = self._read(connection, urn, lock=True), self._clock.now()
            if before.spec.kind in TOLD:
                for event in told_faults(before, status, now, faults_of(connection, urn, now - LATELY)):
                    insert_change(connection, event)
            connection.execute(resources.update().where(resources.c.urn == urn).values(status=status))

    def patch(
        self,
        urn: str,
        fields: dict[str, Any],
        *,
        expected_revision: int,
        idempotency_key: str,
        actor: str,
        reason: str,
    ) -> ResourceChange:
        wanted = as_json(fields)
        request = digest({"urn": urn, "fields": wanted, "expected_revision": expected_revision, "actor": actor})
        prepared = prepare(self._admissions, self.get(urn), fields) if self._admissions else None
        about = {semconv.SUBJECT: urn, "vigia.fields": ", ".join(sorted(fields))}
        try:
            with (
                span(semconv.span_name(semconv.CHANGE_RESOURCE, urn), **about),
                transaction(self._engine) as connection,
            ):
                # The row lock makes a second request under the same key wait, and then find the first one's answer.
                resource = self._read(connection, urn, lock=True)
                earlier = self._earlier(connection, idempotency_key, request)
                if earlier is not None:
                    return earlier
                self._check_revision(resource, expected_revision)
                patch = patch_spec(resource.spec, fields)
                admit(self._admissions, connection, resource, patch, prepared, actor=actor)
                change = self._store(connection, resource, patch, actor=actor, reason=reason, key=idempotency_key)
                self._remember(connection, idempotency_key, request, change)
                return change
        except IntegrityError as error:
            raise _key_reused(idempotency_key) from error

    def find(self, idempotency_key: str) -> ResourceChange | None:
        with reading(self._engine) as connection:
            row = _change_row(connection, idempotency_key)
            if row is None or row["request_digest"] == _WITHDRAWN:
                return None
            return ResourceChange.model_validate(row["change"])

    def withdraw(self, idempotency_key: str, *, actor: str) -> ResourceChange | None:
        key = idempotency_key
        try:
            with transaction(self._engine) as connection:
                if _change_row(connection, key) is None:
                    row = {"idempotency_key": key, "request_digest": _WITHDRAWN, "urn": "", "change": {}}
                    connection.execute(resource_changes.insert().values(**row, at=self._clock.now()))
                    record = AuditRecord(action="resource.change_withdrawn", actor=actor, subject=key, payload={})
                    self._audit.append(record, connection=connection)
        except IntegrityError:
            # The change, or another withdrawal, was stored at the same moment: it is what counts.
            pass
        return self.find(key)

    def _read(self, connection: Connection, urn: str, *, lock: bool = False) -> Resource:
        query = sa.select(resources).where(resources.c.urn == urn)
        row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
        if row is None:
            known = list(connection.execute(sa.select(resources.c.urn)).scalars())
            near = difflib.get_close_matches(urn, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else "list the resources to see what there is"
            raise NotFound(f"there is no resource {urn!r}", hint=hint)
        return _resource(row)

    def _earlier(self, connection: Connection, key: str, request: str) -> ResourceChange | None:
        row = _change_row(connection, key)
        if row is None:
            return None
        if row["request_digest"] == _WITHDRAWN:
            raise Conflict(f"the change under {key!r} was withdrawn", hint="intend it anew under a fresh key")
        if row["request_digest"] != request:
            raise _key_reused(key)
        return ResourceChange.model_validate(row["change"]).model_copy(update={"replayed": True})

    def _check_revision(self, resource: Resource, expected: int) -> None:
        if resource.revision != expected:
            raise Conflict(
                f"{resource.urn!r} is at revision {resource.revision}, not {expected}: it was changed meanwhile",
                hint="read it again and plan again",
            )

    def _store(
        self, connection: Connection, resource: Resource, patch: SpecPatch, *, actor: str, reason: str, key: str
    ) -> ResourceChange:
        now = self._clock.now()
        changed = resource.model_copy(update={"spec": patch.spec, "revision": resource.revision + 1, "updated_at": now})
        updated = connection.execute(
            resources.update()
            .where(resources.c.urn == resource.urn, resources.c.revision == resource.revision)
            .values(spec=patch.spec.model_dump(mode="json"), revision=changed.revision, updated_at=now)
        )
        if updated.rowcount != 1:
            raise Conflict(f"{resource.urn!r} was changed at the same moment", hint="read it again and plan again")
        event = ChangeEvent(
            id=new_id("chg"),
            at=now,
            kind=change_kind(patch.spec, frozenset(patch.after)),
            subject=resource.urn,
            tenant=resource.tenant,
            summary=f"{', '.join(f'{k}: {patch.before[k]!r} -> {v!r}' for k, v in patch.after.items())} ({reason})",
            author=actor,
            details={"before": patch.before, "after": patch.after, "revision": changed.revision, "reason": reason},
        )
        insert_change(connection, event)
        self._audit.append(
            AuditRecord(
                action="resource.patched",
                actor=actor,
                subject=resource.urn,
                tenant=resource.tenant,
                payload={**event.details, "change_event_id": event.id, "idempotency_key": key},
            ),
            connection=connection,
        )
        return ResourceChange(resource=changed, previous=patch.before, change_event_id=event.id)

    def _remember(self, connection: Connection, key: str, request: str, change: ResourceChange) -> None:
        connection.execute(
            resource_changes.insert().values(
                idempotency_key=key,
                request_digest=request,
                urn=change.resource.urn,
                change=change.model_dump(mode="json"),
                at=change.resource.updated_at,
            )
        )


def _resource(row: RowMapping) -> Resource:
    values = {name: value for name, value in row.items() if name not in ("kind", "spec")}
    return Resource.model_validate({**values, "spec": SPEC.validate_python(row["spec"])})


def _change_row(connection: Connection, key: str) -> RowMapping | None:
    query = sa.select(resource_changes).where(resource_changes.c.idempotency_key == key)
    return connection.execute(query).mappings().one_or_none()


def _key_reused(key: str) -> Conflict:
    return Conflict(f"idempotency key {key!r} was used for another request", hint="use a fresh key per request")
