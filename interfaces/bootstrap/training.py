"""What the command line does about training: a plan becomes a registered version, and a tracker is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import Conflict
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.model_access import trainer
from interfaces.bootstrap.models import registry_of
from interfaces.bootstrap.platform import catalog_in_force, feature_tables
from interfaces.settings import Settings
from platform_core.training.types import ModelVersion

if TYPE_CHECKING:
    from platform_core.training.reproduction import Reproduction
    from platform_core.training.tracked import Tracking, TrackingLog
    from platform_core.training.tracking import ExperimentTracker, RemoteVersion

Tell = Callable[[str], None]


def train_model(
    settings: Settings,
    path: Path,
    *,
    start: datetime | None,
    end: datetime | None,
    api_key: str | None,
    account: str,
    tell: Tell,
) -> tuple[ModelVersion, Tracking]:
    """The new version, in stage dev, and what became of telling the tracker.

    Raises Forbidden for who may not train, LeaseHeld while another process trains by the same plan, and as
    `load_plan`, `train` and `ModelRegistry.register` do; for want of a tracker nothing is raised.
    """
    from platform_core.features.leases import SqlLeases
    from platform_core.training.pinned import PinnedOfflineStore
    from platform_core.training.pipeline import train
    from platform_core.training.plan import load_plan
    from platform_core.training.turns import Turns, said_of

    plan = load_plan(path)
    plan = plan.over(start, end) if start or end else plan
    base = open_foundations(settings)
    actor = trainer(base, api_key, plan.model, account=account)
    catalog = catalog_in_force(base)
    turns = Turns(SqlLeases(base.engine, holder="vigia models train"))
    with turns.held(plan.model, said_of(plan)) as guard:
        tables = PinnedOfflineStore(feature_tables(settings, catalog))
        trained = train(plan, tables, catalog, max_payments=settings.models.max_payments, tell=tell)
        tell(f"registering {plan.model}")
        version = registry_of(base).register(trained, plan.model, actor, guard=guard)
    tell("telling the tracker")
    return version, tracking_log(base).send(plan.model, version.version)


def reproduce(settings: Settings, name: str, version: str, *, tell: Tell) -> Reproduction:
    """Train a version again from its plan and the tables as they were, and compare every file.

    Raises Conflict for a version that was not trained by a plan, ArrivalsForgotten when the tables no longer have what
    was read.
    """
    from platform_core.training.pinned import PinnedOfflineStore
    from platform_core.training.pipeline import train
    from platform_core.training.plan import make_plan
    from platform_core.training.reproduction import compared

    base = open_foundations(settings)
    artifact = registry_of(base).open(name, version)
    before = artifact.signature
    if not before.plan or not before.table_versions:
        raise Conflict(
            f"{name} version {version} does not say which versions of the tables it was trained on",
            hint="train it by a plan: vigia models train",
        )
    catalog = catalog_in_force(base)
    store = PinnedOfflineStore(feature_tables(settings, catalog), before.table_versions)
    again = train(make_plan(before.plan), store, catalog, max_payments=settings.models.max_payments, tell=tell)
    return compared(artifact, again)


def send_to_tracker(settings: Settings, name: str, version: str | None) -> list[Tracking]:
    """One version, or all that the tracker was not told of."""
    log = tracking_log(open_foundations(settings))
    return [log.send(name, number) for number in ([version] if version else log.pending(name))]


def remote_versions(settings: Settings, name: str | None) -> list[RemoteVersion]:
    """What the tracker has, of one model or of all, whoever logged it."""
    tracker = open_tracker(settings)
    return [version for model in ([name] if name else tracker.models()) for version in tracker.versions(model)]


def tracking_log(base: Foundations) -> TrackingLog:
    from platform_core.training.tracked import TrackingLog

    return TrackingLog(base.engine, base.clock, registry_of(base), open_tracker(base.settings))


def open_tracker(settings: Settings) -> ExperimentTracker:
    """MLflow where it is set up, files in the data directory where not. Raises InvalidInput."""
    uri = settings.models.mlflow.tracking_uri
    if uri is None:
        from platform_core.training.local_tracker import LocalTracker

        return LocalTracker(settings.data_dir / "runs")
    from platform_core.attached.mlflow.tracker import MlflowTracker

    return MlflowTracker(uri)
