"""The model registry: numbered versions in immutable directories, and an audited record of what stage each is in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping
from sqlalchemy.exc import IntegrityError

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, NotFound, Unavailable
from foundation.ids import new_id
from platform_core.catalog.specs import Catalog
from platform_core.operations.faults import fault
from platform_core.operations.sql_timeline import insert_change
from platform_core.training.answering import answers_at
from platform_core.training.artifacts import MAX_BYTES, Artifact, render_files
from platform_core.training.compatibility import require_fit
from platform_core.training.directory import Fingerprint
from platform_core.training.loading import load_model
from platform_core.training.manifest import CARD_FILE, MANIFEST_FILE, sha256
from platform_core.training.moves import hold, move, was_in_production
from platform_core.training.scoring import LoadedModel
from platform_core.training.signing import ModelKeys
from platform_core.training.stages import require_step
from platform_core.training.store import ModelStore
from platform_core.training.tables import model_transitions, model_versions
from platform_core.training.types import ModelVersion, TrainedModel
from platform_core.urn import urn

_log = logging.getLogger(__name__)
Guard = Callable[[Connection], None]
ATTEMPTS = 20


class ModelRegistry:
    """`directory` holds `<name>/<version>/`, as `platform_core.training.artifacts` writes it."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        directory: Path,
        keys: ModelKeys | None = None,
        *,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """`keys`: by default a key of our own in `keys/models.pem` beside `directory`, and nobody else's."""
        self._engine = engine
        self._clock = clock
        self._audit = audit
        keys = keys or ModelKeys(directory.parent / "keys" / "models.pem")
        self._store = ModelStore(directory, keys, max_bytes=max_bytes)

    def register(self, trained: TrainedModel, name: str, actor: str, *, guard: Guard = lambda _: None) -> ModelVersion:
        """Store `trained` as the next version of `name`, in stage dev. `guard` is asked in the transaction that does
        it, and what it raises undoes all.

        Raises Conflict when others register versions of the name faster, time and again; InvalidInput; Unavailable, of
        which the timeline is told as long as the database can be.
        """
        urn("model", name)  # what is no name of a model is no name of a directory
        for _ in range(ATTEMPTS):
            with reading(self._engine) as connection:
                newest = sa.select(sa.func.max(model_versions.c.version)).where(model_versions.c.name == name)
                number = (connection.scalar(newest) or 0) + 1
            try:
                return self._register(trained, name, number, actor, guard)
            except IntegrityError:
                continue
            except Unavailable as error:
                self._tell(urn("model", name), f"a version could not be registered: {error.message}", actor)
                raise
        raise Conflict(f"others registered versions of {name!r} at the same moment, time and again", hint="try again")

    def _register(self, trained: TrainedModel, name: str, number: int, actor: str, guard: Guard) -> ModelVersion:
        """Raises IntegrityError when somebody else has the number."""
        version = ModelVersion(
            name=name,
            version=str(number),
            stage="dev",
            signature=trained.signature,
            files={},
            created_at=self._clock.now(),
            created_by=actor,
        )
        files = render_files(trained, name, str(number))
        version = version.model_copy(update={"files": {file: sha256(content) for file, content in files.items()}})
        written = self._store.written(
            trained.signature, files, name=name, version=str(number), created_at=version.created_at, created_by=actor
        )
        with written as staged, transaction(self._engine) as connection:
            guard(connection)
            values = {**version.model_dump(mode="json", exclude={"stage"}), "version": number}
            # The row first: its key keeps a second registration out of the directory until this one is stored.
            connection.execute(model_versions.insert().values({**values, "created_at": version.created_at}))
            self._first(connection, version)
            staged.publish()
            payload = {
                "version": version.version,
                "files": version.files,
                "data_digest": trained.signature.data_digest,
                "code_version": trained.signature.code_version,
            }
            record = AuditRecord(action="model.registered", actor=actor, subject=urn("model", name), payload=payload)
            self._audit.append(record, connection=connection)
        return version

    def get(self, name: str, version: str) -> ModelVersion:
        """Raises NotFound, naming the versions that there are."""
        with reading(self._engine) as connection:
            return self._read(connection, name, version)

    def list(self, name: str) -> list[ModelVersion]:
        """All versions, oldest first."""
        query = sa.select(model_versions).where(model_versions.c.name == name).order_by(model_versions.c.version)
        with reading(self._engine) as connection:
            return [self._version(connection, row) for row in connection.execute(query).mappings()]

    def names(self) -> list[str]:
        """Of the models that have versions, sorted."""
        query = sa.select(model_versions.c.name).distinct().order_by(model_versions.c.name)
        with reading(self._engine) as connection:
            return list(connection.execute(query).scalars())

    def demote(self, name: str, version: str, actor: str) -> ModelVersion:
        """Take the version from staging back to dev. Up, `gates.promotion.Promotions` moves versions, and into or out
        of production an approved change of the model's resource.

        Raises Conflict for a version that is in dev, or that an endpoint answers with; Forbidden for one in production.
        """
        try:
            with transaction(self._engine) as connection:
                hold(connection, name)
                current = self._read(connection, name, version)
                if current.stage == "production":
                    raise Forbidden(
                        f"{name} version {version} leaves production by an approved action only",
                        hint=f"vigia models demote {name} {version}",
                    )
                require_step(f"{name} version {version}", current.stage, "dev")
                endpoints = answers_at(connection, name, version)
                if endpoints:
                    raise Conflict(
                        f"{', '.join(endpoints)} answers with {name} version {version}",
                        hint="vigia rollouts rollback, or another champion, before it goes to dev",
                    )
                move(connection, self._audit, name, version, "dev", actor=actor, at=self._clock.now())
                return current.model_copy(update={"stage": "dev"})
        except IntegrityError as error:
            raise Conflict(f"{name} version {version} was moved at the same moment", hint="read it again") from error

    def adopt(self, name: str, version: str, actor: str) -> ModelVersion:
        """Take note that the version is in production, as when a running platform is brought under this registry.

        It asks for no gates and no approval, so it is for setting up only: raises Conflict once any version of the
        model has been in production.
        """
        with transaction(self._engine) as connection:
            hold(connection, name)
            current = self._read(connection, name, version)
            if was_in_production(connection, name):
                raise Conflict(f"{name} has been in production here: nothing is left to adopt")
            for stage in ("staging", "production") if current.stage == "dev" else ("production",):
                move(connection, self._audit, name, version, stage, actor=actor, at=self._clock.now())
            return current.model_copy(update={"stage": "production"})

    def load(self, name: str, version: str, *, catalog: Catalog | None = None) -> LoadedModel:
        """The model, ready to score.

        Raises Conflict when its directory is not signed by a key that is trusted here or is not the one that was
        registered, and when the model does not fit `catalog`, if one is given; Unavailable when it cannot be read.
        """
        registered = self.get(name, version)
        artifact = self._store.open(registered)
        if catalog is not None:
            require_fit(registered.signature, catalog, what=f"{name} version {version}")
        return LoadedModel(registered, load_model(artifact))

    def examine(self, name: str, version: str) -> tuple[ModelVersion, Fingerprint]:
        """The version, its files checked as in `load`, and by what `untouched` sees that nobody changed them since."""
        registered = self.get(name, version)
        return registered, self._store.examined(registered)

    def untouched(self, version: ModelVersion, seen: Fingerprint) -> bool:
        """Whether the files are those that `examine` read, for a look at the directory. Raises Unavailable."""
        return self._store.untouched(version, seen)

    def open(self, name: str, version: str) -> Artifact:
        """The version's files, checked as in `load`, without making a model of them."""
        return self._store.open(self.get(name, version))

    def card(self, name: str, version: str) -> str:
        """The model card, in Markdown. Raises as `load` does."""
        return self.open(name, version).files[CARD_FILE].decode()

    def sign(self, name: str, version: str, actor: str) -> Artifact:
        """Sign what was registered before models were signed, or by a key that is lost. Audited.

        Raises Conflict when the directory's files are not those that were registered.
        """
        registered = self.get(name, version)
        seal = self._store.seal(registered)
        payload = {"version": version, "manifest": sha256(seal[MANIFEST_FILE])}
        record = AuditRecord(action="model.signed", actor=actor, subject=urn("model", name), payload=payload)
        with self._store.sealed(registered, seal) as staged:
            with transaction(self._engine) as connection:
                self._audit.append(record, connection=connection)
            staged.put()  # last: what nobody audited is not signed
        return self._store.open(registered)

    def _tell(self, subject: str, said: str, actor: str) -> None:
        event = fault(subject, said, at=self._clock.now(), author=actor)
        try:
            with transaction(self._engine) as connection:
                insert_change(connection, event)
        except Unavailable as down:
            _log.warning("the timeline is not told of %r: %s", event.summary, down)

    def _first(self, connection: Connection, version: ModelVersion) -> None:
        """Where its way begins."""
        connection.execute(
            model_transitions.insert().values(
                id=new_id("mtr"),
                name=version.name,
                version=int(version.version),
                ordinal=0,
                from_stage=None,
                to_stage=version.stage,
                actor=version.created_by,
                at=version.created_at,
            )
        )

    def _read(self, connection: Connection, name: str, version: str) -> ModelVersion:
        numbers = sa.select(model_versions.c.version).where(model_versions.c.name == name)
        known = {str(n): n for n in connection.scalars(numbers.order_by(model_versions.c.version))}
        if version not in known:
            hint = f"it has {', '.join(known)}" if known else "no version of it is registered"
            raise NotFound(f"there is no version {version!r} of model {name!r}", hint=hint)
        query = sa.select(model_versions).where(model_versions.c.name == name)
        row = connection.execute(query.where(model_versions.c.version == known[version])).mappings().one()
        return self._version(connection, row)

    def _version(self, connection: Connection, row: RowMapping) -> ModelVersion:
        stage = connection.scalar(
            sa.select(model_transitions.c.to_stage)
            .where(model_transitions.c.name == row["name"], model_transitions.c.version == row["version"])
            .order_by(model_transitions.c.ordinal.desc())
            .limit(1)
        )
        return ModelVersion.model_validate({**row, "version": str(row["version"]), "stage": stage})
