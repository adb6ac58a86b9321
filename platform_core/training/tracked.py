"""What was told to the tracker, and what it still has to be told."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import VigiaError
from foundation.frozen import Frozen
from platform_core.training.registry import ModelRegistry
from platform_core.training.tables import model_tracking
from platform_core.training.tracking import ExperimentTracker, Receipt, tracked_run
from platform_core.training.types import ModelVersion, Stage


class Tracking(Frozen):
    """Of one version at one tracker. `problem`: why the last try failed; None when it is there."""

    name: str
    version: str
    tracker: str
    run_id: str | None = None
    remote_version: str | None = None
    problem: str | None = None
    tried_at: datetime


class TrackingLog:
    """Training never fails for want of a tracker: what could not be sent is noted, and is sent by the next `send`."""

    def __init__(self, engine: Engine, clock: Clock, registry: ModelRegistry, tracker: ExperimentTracker) -> None:
        self._engine = engine
        self._clock = clock
        self._registry = registry
        self._tracker = tracker

    def send(self, name: str, version: str) -> Tracking:
        """Tell the tracker of the version, and which versions are in what stage. Raises as `ModelRegistry.open`."""
        registered = self._registry.get(name, version)
        run = tracked_run(registered, self._registry.open(name, version))
        try:
            receipt = self._tracker.track(run)
            self._tracker.mirror(name, _in_stages(self._registry.list(name)))
        except VigiaError as error:
            return self._note(name, version, None, str(error))
        return self._note(name, version, receipt, None)

    def pending(self, name: str) -> list[str]:
        """Versions that the tracker was not told of, oldest first."""
        done = sa.select(model_tracking.c.version).where(
            model_tracking.c.name == name,
            model_tracking.c.tracker == self._tracker.address,
            model_tracking.c.run_id.is_not(None),
        )
        with reading(self._engine) as connection:
            known = {str(number) for number in connection.scalars(done)}
        return [v.version for v in self._registry.list(name) if v.version not in known]

    def of(self, name: str, version: str) -> list[Tracking]:
        """At every tracker that was ever tried."""
        rows = sa.select(model_tracking).where(model_tracking.c.name == name, model_tracking.c.version == int(version))
        with reading(self._engine) as connection:
            found = connection.execute(rows.order_by(model_tracking.c.tracker)).mappings()
            return [Tracking.model_validate({**row, "version": str(row["version"])}) for row in found]

    def _note(self, name: str, version: str, receipt: Receipt | None, problem: str | None) -> Tracking:
        tracking = Tracking(
            name=name,
            version=version,
            tracker=self._tracker.address,
            run_id=receipt.run_id if receipt else None,
            remote_version=receipt.remote_version if receipt else None,
            problem=problem,
            tried_at=self._clock.now(),
        )
        key = (
            model_tracking.c.name == name,
            model_tracking.c.version == int(version),
            model_tracking.c.tracker == tracking.tracker,
        )
        values = {**tracking.model_dump(), "version": int(version)}
        known = sa.select(model_tracking.c.run_id).where(*key)
        try:
            with transaction(self._engine) as connection:
                if receipt is None and connection.scalar(known) is not None:
                    return tracking  # it is there since an earlier try
                if connection.execute(sa.update(model_tracking).where(*key).values(values)).rowcount == 0:
                    connection.execute(sa.insert(model_tracking).values(values))
        except IntegrityError:
            # Somebody else told the tracker at the same moment, and noted it: once there is a row, it is updated.
            return self._note(name, version, receipt, problem)
        return tracking


def _in_stages(versions: list[ModelVersion]) -> dict[Stage, str]:
    """The newest version of each stage."""
    return {version.stage: version.version for version in versions}
