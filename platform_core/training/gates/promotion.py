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
from platform_core.training.compatibility import require_fit
from platform_core.training.gates import reviews
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.verdicts import PromotionReview
from platform_core.training.moves import in_production, last_review_in_production, move, place_of
from platform_core.training.registry import ModelRegistry
from platform_core.training.stages import require_climb
from platform_core.training.types import ModelVersion, Stage
from platform_core.urn import parse_urn


@dataclass(frozen=True)
class Promotions:
    engine: Engine
    clock: Clock
    audit: AuditLog
    registry: ModelRegistry
    policy: GatePolicy
    catalog: Callable[[], Catalog]
    """In force now: what does not fit it, serving would refuse."""

    def standing_review(self, name: str, version: str, to: Stage) -> PromotionReview:
        """The newest review of the version for that stage. Raises NotFound; Conflict when there is none, when it did
        not pass or when it is stale."""
        with reading(self.engine) as connection:
            return self.require_reviewed(connection, name, version, to)

    def require_reviewed(self, connection: Connection, name: str, version: str, to: Stage) -> PromotionReview:
        """As `standing_review`, in the caller's transaction."""
        found = reviews.of_version(connection, name, self.registry.get(name, version).version, to)
        if not found:
            hint = f"vigia models gate {name} {version} --to {to}"
            raise Conflict(f"{name} version {version} was never judged for {to}", hint=hint)
        self.require(connection, found[0], name, version, to)
        return found[0]

    def to_staging(self, name: str, version: str, *, actor: str) -> ModelVersion:
        """Raises as `standing_review`; Conflict also for a version that is not in dev."""
        review = self.standing_review(name, version, "staging")
        try:
            with transaction(self.engine) as connection:
                self.require(connection, review, name, version, "staging")
                move(
                    connection,
                    self.audit,
                    name,
                    version,
                    "staging",
                    actor=actor,
                    at=self.clock.now(),
                    review=review.id,
                )
        except IntegrityError as error:
            raise Conflict(f"{name} version {version} was moved at the same moment", hint="read it again") from error
        return self.registry.get(name, version)

    def require_usable(self, name: str, version: str) -> ModelVersion:
        """Raises Conflict when its files are not those that were registered, or do not fit the catalog in force."""
        self.registry.open(name, version)
        registered = self.registry.get(name, version)
        require_fit(registered.signature, self.catalog(), what=f"{name} version {version}")
        return registered

    def require(self, connection: Connection, review: PromotionReview, name: str, version: str, to: Stage) -> None:
        """Raises Conflict unless `review` stands for this move now; also when the files were altered."""
        registered = self.require_usable(name, version)
        champion, place = in_production(connection, name), place_of(connection, name, version)
        require_climb(f"{name} version {version}", place.stage, to)
        reviews.require_standing(
            review,
            version=registered,
            to=to,
            policy_digest=self.policy.digest,
            champion=None if champion is None else champion.version,
            unmoved_since=place.since,
            now=self.clock.now(),
            valid_for=self.policy.valid_for,
            gates=self.policy.gates[to],
        )
        newest = reviews.of_version(connection, name, registered.version, to)[0]
        if newest.id != review.id:
            what = f"{name} version {version} was judged again for {to} ({newest.id}: {newest.outcome})"
            raise Conflict(f"review {review.id} is stale: {what}", hint="only the newest review counts")


@dataclass(frozen=True)
class ModelAdmission(Admission):
    """The model registry's say in a change of `urn:vigia:model:<name>`."""

    promotions: Promotions

    def admit(self, connection: Connection, resource: Resource, patch: SpecPatch, *, actor: str) -> None:
        """Moves the stages as the new spec says. Raises Conflict when gates, registry or spec say otherwise."""
        old, new = resource.spec, patch.spec
        if not isinstance(old, ModelSpec) or not isinstance(new, ModelSpec):
            raise Conflict(f"{resource.urn!r} is not a model")
        if (old.production, old.review) == (new.production, new.review):
            return  # a training was asked for, say
        name = parse_urn(resource.urn)[1]
        place = in_production(connection, name)
        current = None if place is None else place.version
        if current != old.production:
            raise Conflict(
                f"the registry has {current or 'no version'} of {name} in production, the control plane "
                f"{old.production or 'none'}: nothing is moved while they disagree"
            )
        if new.production == old.production:
            raise Conflict(f"the review of what is in production cannot be exchanged ({name} version {current})")
        self._move(connection, name, current, new, actor)

    def _move(self, connection: Connection, name: str, current: str | None, new: ModelSpec, actor: str) -> None:
        audit = self.promotions.audit
        at = self.promotions.clock.now()
        restores = new.production is not None and self._restores(connection, name, current, new)
        if new.production is None:
            if new.review is not None:
                raise Conflict(f"nothing of {name} is to be in production, so no review can speak for it")
        elif restores:
            self.promotions.require_usable(name, new.production)  # what is put back must be what was there
        elif new.review is None:
            raise Conflict(f"{name} version {new.production} names no review", hint=reviews.AGAIN)
        else:
            review = reviews.read(connection, new.review)
            self.promotions.require(connection, review, name, new.production, "production")
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
