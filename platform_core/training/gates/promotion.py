"""Moving a version up: what has to stand at that moment, in the transaction of the move.

Into staging goes whatever passed its gates. Production is entered and left only through the control plane: the spec of
`urn:vigia:model:<name>` names the version in production, and `ModelAdmission` moves the stages in the transaction of
that change. Who may change the spec is the guardrails' affair; that the gates were passed is decided here, last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict
from platform_core.catalog.specs import Catalog
from platform_core.operations.admission import Admission
from platform_core.operations.resources import ModelSpec, Resource
from platform_core.operations.spec_patch import SpecPatch
from platform_core.training.answering import endpoints
from platform_core.training.compatibility import require_fit
from platform_core.training.directory import Fingerprint
from platform_core.training.gates import reviews
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.thresholds import by_endpoint, served_thresholds
from platform_core.training.gates.verdicts import PromotionReview
from platform_core.training.moves import hold, in_production, last_review_in_production, move, place_of
from platform_core.training.registry import ModelRegistry
from platform_core.training.stages import require_climb
from platform_core.training.types import ModelVersion, Stage
from platform_core.urn import parse_urn


@dataclass(frozen=True)
class Usable:
    """A version whose files were hashed and that fits the catalog, as far as that was looked at before a transaction.
    `files` and `catalog` are what has to be the same still in it."""

    version: ModelVersion
    files: Fingerprint
    catalog: int


@dataclass(frozen=True)
class Promotions:
    engine: Engine
    clock: Clock
    audit: AuditLog
    registry: ModelRegistry
    policy: GatePolicy
    catalog: Callable[[], Catalog]
    """In force now: what does not fit it, serving would refuse."""

    catalog_version: Callable[[Connection], int] = lambda connection: 0
    """Of the catalog in force, in the caller's transaction."""

    def look(self, name: str, version: str) -> Usable:
        """Outside of any transaction, since it reads and hashes whatever the model weighs.

        Raises NotFound; Conflict when its files are not those that were registered, or do not fit the catalog in force.
        """
        with reading(self.engine) as connection:
            catalog = self.catalog_version(connection)
        registered, files = self.registry.examine(name, version)
        require_fit(registered.signature, self.catalog(), what=f"{name} version {version}")
        return Usable(registered, files, catalog)

    def still(self, connection: Connection, usable: Usable) -> None:
        """Raises Conflict when what was looked at is not so any more."""
        subject = f"{usable.version.name} version {usable.version.version}"
        if not self.registry.untouched(usable.version, usable.files):
            raise Conflict(f"the files of {subject} were changed at this very moment", hint="try again")
        if self.catalog_version(connection) != usable.catalog:
            raise Conflict(f"the catalog was changed while {subject} was looked at", hint="try again")

    def standing_review(self, name: str, version: str, to: Stage) -> PromotionReview:
        """The newest review of the version for that stage. Raises NotFound; Conflict when there is none, when it did
        not pass or when it is stale."""
        usable = self.look(name, version)
        with reading(self.engine) as connection:
            return self.require_reviewed(connection, usable, to)

    def require_reviewed(self, connection: Connection, usable: Usable, to: Stage) -> PromotionReview:
        """As `standing_review`, in the caller's transaction."""
        name, version = usable.version.name, usable.version.version
        found = reviews.of_version(connection, name, version, to)
        if not found:
            hint = f"vigia models gate {name} {version} --to {to}"
            raise Conflict(f"{name} version {version} was never judged for {to}", hint=hint)
        self.require(connection, found[0], usable, to)
        return found[0]

    def to_staging(self, name: str, version: str, *, actor: str) -> ModelVersion:
        """Raises as `standing_review`; Conflict also for a version that is not in dev."""
        usable = self.look(name, version)
        try:
            with transaction(self.engine) as connection:
                hold(connection, name)
                review = self.require_reviewed(connection, usable, "staging")
                at = self.clock.now()
                move(connection, self.audit, name, version, "staging", actor=actor, at=at, review=review.id)
        except IntegrityError as error:
            raise at_once(name, version) from error
        return usable.version.model_copy(update={"stage": "staging"})

    def require(self, connection: Connection, review: PromotionReview, usable: Usable, to: Stage) -> None:
        """Raises Conflict unless `review` stands for this move now. The caller holds the model, so that nobody moves or
        judges a version of it meanwhile."""
        name, version = usable.version.name, usable.version.version
        self.still(connection, usable)
        champion, place = in_production(connection, name), place_of(connection, name, version)
        require_climb(f"{name} version {version}", place.stage, to)
        reviews.require_standing(
            review,
            version=usable.version,
            to=to,
            policy_digest=self.policy.digest,
            champion=None if champion is None else champion.version,
            thresholds=by_endpoint(served_thresholds(endpoints(connection), name)),
            unmoved_since=place.since,
            now=self.clock.now(),
            valid_for=self.policy.valid_for,
            gates=self.policy.gates[to],
        )
        newest = reviews.of_version(connection, name, version, to)[0]
        if newest.id != review.id:
            what = f"{name} version {version} was judged again for {to} ({newest.id}: {newest.outcome})"
            raise Conflict(f"review {review.id} is stale: {what}", hint="only the newest review counts")


def at_once(name: str, version: str) -> Conflict:
    return Conflict(f"{name} version {version} was moved at the same moment", hint="read it again")


@dataclass(frozen=True)
class ModelAdmission(Admission):
    """The model registry's say in a change of `urn:vigia:model:<name>`."""

    promotions: Promotions

    def prepare(self, resource: Resource, patch: SpecPatch) -> Usable | None:
        """The version that is to come into production, looked at in whole."""
        old, new = resource.spec, patch.spec
        if not isinstance(old, ModelSpec) or not isinstance(new, ModelSpec):
            return None
        comes = new.production is not None and new.production != old.production
        return self.promotions.look(parse_urn(resource.urn)[1], new.production) if comes and new.production else None

    def admit(
        self, connection: Connection, resource: Resource, patch: SpecPatch, prepared: object, *, actor: str
    ) -> None:
        """Moves the stages as the new spec says. Raises Conflict when gates, registry or spec say otherwise."""
        old, new = resource.spec, patch.spec
        if not isinstance(old, ModelSpec) or not isinstance(new, ModelSpec):
            raise Conflict(f"{resource.urn!r} is not a model")
        if (old.production, old.review) == (new.production, new.review):
            return  # a training was asked for, say
        name = parse_urn(resource.urn)[1]
        hold(connection, name)
        place = in_production(connection, name)
        current = None if place is None else place.version
        if current != old.production:
            raise Conflict(
                f"the registry has {current or 'no version'} of {name} in production, the control plane "
                f"{old.production or 'none'}: nothing is moved while they disagree"
            )
        if new.production == old.production:
            raise Conflict(f"the review of what is in production cannot be exchanged ({name} version {current})")
        if new.production is not None and not _about(prepared, new.production):
            raise Conflict(f"{name} version {new.production} was not looked at before it is to move", hint="try again")
        try:
            self._move(connection, name, current, new, prepared, actor)
        except IntegrityError as error:
            raise at_once(name, new.production or current or "") from error

    def _move(  # noqa: PLR0917 - what is there, what comes, and who asks
        self, connection: Connection, name: str, current: str | None, new: ModelSpec, prepared: object, actor: str
    ) -> None:
        audit = self.promotions.audit
        at = self.promotions.clock.now()
        usable = prepared if isinstance(prepared, Usable) else None
        restores = new.production is not None and self._restores(connection, name, current, new)
        if new.production is None:
            if new.review is not None:
                raise Conflict(f"nothing of {name} is to be in production, so no review can speak for it")
        elif usable is not None and restores:
            self.promotions.still(connection, usable)  # what is put back must be what was there
        elif new.review is None:
            raise Conflict(f"{name} version {new.production} names no review", hint=reviews.AGAIN)
        elif usable is not None:
            review = reviews.read(connection, new.review)
            self.promotions.require(connection, review, usable, "production")
        if current is not None:
            move(connection, audit, name, current, "staging", actor=actor, at=at)
        if new.production is not None:
            # What was put back was put back for a reason: the version that it replaces cannot return the same way.
            replaced = None if restores else current
            move(
                connection,
                audit,
                name,
                new.production,
                "production",
                actor=actor,
                at=at,
                review=new.review,
                instead_of=replaced,
            )

    def _restores(self, connection: Connection, name: str, current: str | None, new: ModelSpec) -> bool:
        """Whether this puts back what the current version replaced, under the review that it was there by: the way
        back from a promotion, which nothing but the version itself has to stand for."""
        if current is None or new.production is None:
            return False
        replaced = place_of(connection, name, current).instead_of
        return replaced == new.production and new.review == last_review_in_production(connection, name, new.production)


def _about(prepared: object, version: str) -> bool:
    return isinstance(prepared, Usable) and prepared.version.version == version
