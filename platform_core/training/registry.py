"""The model registry: numbered versions in immutable directories, and an audited record of what stage each is in."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping
from sqlalchemy.exc import IntegrityError

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.ids import new_id
from platform_core.catalog.specs import Catalog
from platform_core.training.answering import answers_at
from platform_core.training.artifacts import MAX_BYTES, Artifact, render_files
from platform_core.training.compatibility import require_fit
from platform_core.training.loading import load_model
from platform_core.training.manifest import CARD_FILE, MANIFEST_FILE, sha256
from platform_core.training.moves import move, was_in_production
from platform_core.training.scoring import LoadedModel
from platform_core.training.signing import ModelKeys
from platform_core.training.stages import require_step
from platform_core.training.store import ModelStore
from platform_core.training.tables import model_transitions, model_versions
from platform_core.training.types import ModelVersion, Stage, TrainedModel
from platform_core.urn import urn


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

    def register(self, trained: TrainedModel, name: str, actor: str) -> ModelVersion:
        """Store `trained` as the next version of `name`, in stage dev.

        Raises Conflict when another version of the name is registered at the same moment.
        """
        subject = urn("model", name)
        try:
            with transaction(self._engine) as connection:
                latest = connection.scalar(
                    sa.select(sa.func.max(model_versions.c.version)).where(model_versions.c.name == name)
                )
                number = (latest or 0) + 1
                files = render_files(trained, name, str(number))
                digests = {file: sha256(content) for file, content in files.items()}
                now = self._clock.now()
                # The row first: its key keeps a second registration out of the directory until this one is stored.
                connection.execute(
                    model_versions.insert().values(
                        name=name,
                        version=number,
                        signature=trained.signature.model_dump(mode="json"),
                        files=digests,
                        created_at=now,
                        created_by=actor,
                    )
                )
                self._transition(connection, name, number, 0, was=None, becomes="dev", actor=actor)
                self._store.write(
                    trained.signature, files, name=name, version=str(number), created_at=now, created_by=actor
                )
                payload = {
                    "version": str(number),
                    "files": digests,
                    "data_digest": trained.signature.data_digest,
                    "code_version": trained.signature.code_version,
                }
                record = AuditRecord(action="model.registered", actor=actor, subject=subject, payload=payload)
                self._audit.append(record, connection=connection)
                return self._read(connection, name, str(number))
        except IntegrityError as error:
            raise Conflict(
                f"another version of {name!r} was registered at the same moment", hint="try again"
            ) from error

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
        with transaction(self._engine) as connection:
            payload = {"version": version, "manifest": sha256(seal[MANIFEST_FILE])}
            record = AuditRecord(action="model.signed", actor=actor, subject=urn("model", name), payload=payload)
            self._audit.append(record, connection=connection)
            self._store.put(registered, seal)  # last: what nobody audited is not signed
        return self._store.open(registered)

    def _transition(
        self,
        connection: Connection,
        name: str,
        version: int,
        ordinal: int,
        *,
        was: Stage | None,
        becomes: Stage,
        actor: str,
    ) -> None:
        connection.execute(
            model_transitions.insert().values(
                id=new_id("mtr"),
                name=name,
                version=version,
                ordinal=ordinal,
                from_stage=was,
                to_stage=becomes,
                actor=actor,
                at=self._clock.now(),
            )
        )

    def _read(self, connection: Connection, name: str, version: str) -> ModelVersion:
        query = sa.select(model_versions).where(model_versions.c.name == name).order_by(model_versions.c.version)
        rows = {str(row["version"]): row for row in connection.execute(query).mappings()}
        if version not in rows:
            known = f"it has {', '.join(rows)}" if rows else "no version of it is registered"
            raise NotFound(f"there is no version {version!r} of model {name!r}", hint=known)
        return self._version(connection, rows[version])

    def _version(self, connection: Connection, row: RowMapping) -> ModelVersion:
        stage = connection.scalar(
            sa.select(model_transitions.c.to_stage)
            .where(model_transitions.c.name == row["name"], model_transitions.c.version == row["version"])
            .order_by(model_transitions.c.ordinal.desc())
            .limit(1)
        )
        return ModelVersion.model_validate({**row, "version": str(row["version"]), "stage": stage})
