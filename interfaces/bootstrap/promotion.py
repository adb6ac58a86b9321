"""Gates, promotion and retraining, as the command line, the serving process and the worker get them.

Imports of training are inside: the command line's other commands do not wait for them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from interfaces.bootstrap.foundations import Foundations, open_existing, open_foundations
from interfaces.bootstrap.model_access import require_may
from interfaces.bootstrap.models import registry_of
from interfaces.bootstrap.platform import catalog_in_force, feature_tables, online_store, platform_view
from interfaces.settings import Settings

if TYPE_CHECKING:
    from agents.models.proposing import ModelProposals
    from guardrails.approvals.types import ApprovalRequest
    from platform_core.access.principals import Principal
    from platform_core.operations.admission import Admissions
    from platform_core.running.models import ModelUpkeep
    from platform_core.training.gates.decay import Findings
    from platform_core.training.gates.evidence import Sources
    from platform_core.training.gates.judging import Gatekeeper, OnVerdict
    from platform_core.training.gates.promotion import Promotions
    from platform_core.training.gates.verdicts import PromotionReview
    from platform_core.training.types import ModelVersion, Stage, TrainedModel


def gatekeeper(base: Foundations) -> Gatekeeper:
    from platform_core.training.gates.evidence import StoredEvidence
    from platform_core.training.gates.judging import Gatekeeper
    from platform_core.training.gates.policy import load_gate_policy

    sources = _sources(base)
    return Gatekeeper(
        base.engine,
        base.clock,
        base.audit,
        registry_of(base),
        load_gate_policy(base.settings.gate_policy_path),
        lambda policy, candidate, champion, card: StoredEvidence(sources, policy, candidate, champion, card),
        lambda: catalog_in_force(base),
    )


def promotions(base: Foundations) -> Promotions:
    from platform_core.catalog.store import CatalogStore
    from platform_core.training.gates.policy import load_gate_policy
    from platform_core.training.gates.promotion import Promotions

    applied = CatalogStore(base.engine, base.clock, base.audit, environment=base.settings.environment)
    return Promotions(
        base.engine,
        base.clock,
        base.audit,
        registry_of(base),
        load_gate_policy(base.settings.gate_policy_path),
        lambda: catalog_in_force(base),
        applied.version_in,
    )


def model_admissions(base: Foundations) -> Admissions:
    """What the control plane asks before it changes which version of a model is in production, or answers there."""
    from platform_core.training.gates.promotion import ModelAdmission
    from platform_core.training.gates.serving_rule import EndpointAdmission

    rules = promotions(base)
    return {"model": ModelAdmission(rules), "endpoint": EndpointAdmission(rules)}


def model_upkeep(base: Foundations) -> ModelUpkeep:
    from platform_core.features.leases import SqlLeases
    from platform_core.operations.sql_resources import SqlResources
    from platform_core.operations.sql_timeline import SqlOperations
    from platform_core.running.models import ModelUpkeep
    from platform_core.training.pinned import PinnedOfflineStore
    from platform_core.training.retraining import retrain
    from platform_core.training.turns import Turns

    def train(like: ModelVersion, since: datetime | None) -> TrainedModel:
        catalog = catalog_in_force(base)
        tables = PinnedOfflineStore(feature_tables(base.settings, catalog))
        most = base.settings.models.max_payments
        return retrain(tables, catalog, like, now=base.clock.now(), since=since, max_payments=most)

    resources = SqlResources(base.engine, base.clock, base.audit)
    catalog = partial(catalog_in_force, base)
    return ModelUpkeep(
        resources,
        registry_of(base),
        SqlOperations(base.engine),
        base.clock,
        train,
        catalog=catalog,
        turns=Turns(SqlLeases(base.engine, holder="vigia platform run")),
    )


def judge(settings: Settings, name: str, version: str, to: Stage, *, actor: str, told: OnVerdict) -> PromotionReview:
    """Raises as `Gatekeeper.judge`."""
    return gatekeeper(open_foundations(settings)).judge(name, version, to, actor=actor, told=told)


def reviews_of(settings: Settings, name: str, version: str) -> list[PromotionReview]:
    """Newest first. Raises NotFound for a version that there is not."""
    from foundation.database import reading
    from platform_core.training.gates.reviews import of_version

    base = open_existing(settings)
    registry_of(base).get(name, version)
    with reading(base.engine) as connection:
        return of_version(connection, name, version)


def promote_to_staging(settings: Settings, name: str, version: str, person: Principal) -> ModelVersion:
    """Raises Forbidden for somebody who may not propose changes, and as `Promotions.to_staging`."""
    base = open_foundations(settings)
    require_may(base, person, "promote", name)
    return promotions(base).to_staging(name, version, actor=person.id)


def propose_production(settings: Settings, name: str, version: str, person: Principal) -> ApprovalRequest:
    """Ask for approval of the promotion, once its gates are passed. Raises as `ModelProposals.promote`."""
    base = open_foundations(settings)
    review = promotions(base).standing_review(name, version, "production")
    _bring_under_control(base, name)
    return model_proposals(base).promote(review, requested_by=person.id)


def demote_to_dev(settings: Settings, name: str, version: str, person: Principal) -> ModelVersion:
    """Raises Forbidden for somebody who may not propose changes, and as `ModelRegistry.demote`."""
    base = open_foundations(settings)
    require_may(base, person, "demote", name)
    return registry_of(base).demote(name, version, person.id)


def propose_demotion(settings: Settings, name: str, version: str, person: Principal) -> ApprovalRequest | None:
    """Ask for approval to put back what the version replaced, or to leave the model without one where that was nothing;
    None when it is not in production. Raises NotFound for a version that there is not."""
    from foundation.database import reading
    from platform_core.training.moves import last_review_in_production, place_of

    base = open_foundations(settings)
    with reading(base.engine) as connection:
        place = place_of(connection, name, version)
        if place.stage != "production":
            return None
        back = place.instead_of
        review = None if back is None else last_review_in_production(connection, name, back)
    _bring_under_control(base, name)
    return model_proposals(base).demote(name, version, back, review, requested_by=person.id)


def retraining_findings(settings: Settings, name: str) -> Findings:
    """What speaks for training the version in production again. Raises NotFound when there is none."""
    return _findings(open_existing(settings), name)


def propose_retraining(
    settings: Settings, name: str, why: str, *, since: datetime | None, requested_by: str
) -> ApprovalRequest:
    base = open_foundations(settings)
    _bring_under_control(base, name)
    return model_proposals(base).retrain(name, why, since=since, requested_by=requested_by)


def model_proposals(base: Foundations) -> ModelProposals:
    """The planning half of the actions, and a desk to put what they planned on."""
    from agents.models.proposing import ModelProposals
    from interfaces.bootstrap.governance import make_approvals, make_policy
    from tools.act import actions

    view = platform_view(base)
    planners = actions(view.resources, None, view)
    return ModelProposals(planners, make_approvals(base, make_policy(base.settings)), view.lineage, base.clock)


def retraining_chores(base: Foundations) -> list[Callable[[], object]]:
    """What the worker does beside its work to notice that a model grows old; nothing where nobody wants it."""
    from datetime import timedelta

    from agents.models.watch import RetrainingWatch

    hours = base.settings.worker.retraining_check_hours
    if not hours:
        return []
    resources = platform_view(base).resources
    watch = RetrainingWatch(
        base.clock, resources, model_proposals(base), lambda name: _findings(base, name), timedelta(hours=hours)
    )
    return [watch.step]


def _findings(base: Foundations, name: str) -> Findings:
    from interfaces.bootstrap.models import version_in_use
    from platform_core.training.gates.decay import findings
    from platform_core.training.gates.port import Case

    keeper = gatekeeper(base)
    in_use = keeper.registry.load(name, version_in_use(keeper.registry, name).version)
    card = keeper.registry.card(name, in_use.version.version)
    return findings(Case(in_use, None, keeper.policy, keeper.evidence(keeper.policy, in_use, None, card)))


def _bring_under_control(base: Foundations, name: str) -> None:
    """The model's resource, as the registry has it; made the first time somebody wants to change something about it."""
    from foundation.errors import Conflict, NotFound
    from platform_core.operations.resources import ModelSpec
    from platform_core.operations.sql_resources import SqlResources
    from platform_core.urn import urn

    resources, target = SqlResources(base.engine, base.clock, base.audit), urn("model", name)
    try:
        resources.get(target)
    except NotFound:
        versions = registry_of(base).list(name)
        if not versions:
            raise NotFound(f"no version of {name!r} is registered") from None
        in_production = [v.version for v in versions if v.stage == "production"]
        spec = ModelSpec(production=in_production[-1] if in_production else None)
        try:
            resources.create(target, spec, actor="service:model-registry", status={"trainings": 0})
        except Conflict:
            resources.get(target)  # somebody else made it at the same moment


def _sources(base: Foundations) -> Sources:
    from platform_core.access.tenancy import TenantGuard
    from platform_core.monitoring.statistics import Bins, small_sample_psi
    from platform_core.operations.sql_resources import SqlResources
    from platform_core.training.gates.evidence import Sources
    from platform_core.training.gates.port import Floats
    from platform_core.training.gates.replaying import Replaying

    def psi(reference: Floats, current: Floats) -> float:
        bins = Bins.of(reference)
        return small_sample_psi(bins, bins.counts(current))

    catalog = catalog_in_force(base)
    offline = feature_tables(base.settings, catalog)
    replaying = Replaying(offline, online_store(base.settings), catalog, base.clock, TenantGuard(base.audit))
    resources = SqlResources(base.engine, base.clock, base.audit)
    most = base.settings.models.max_payments
    return Sources(offline, catalog, resources, replaying, psi, max_payments=most)
