"""The models' controller: it trains what was asked for, and reports what is in production and whether it is usable.

A training takes minutes and runs in a thread of its own; a process that dies in one has it to do again, since what was
asked for and what was done are counted apart. Of several processes one trains (`platform_core.training.turns`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from foundation.clock import Clock
from foundation.errors import NotFound, VigiaError
from foundation.ids import new_id
from platform_core.catalog.specs import Catalog
from platform_core.features.leases import LeaseHeld
from platform_core.operations.resources import ModelSpec, Resource
from platform_core.operations.timeline import JobRun, JobStatus, OperationsRecorder
from platform_core.training.compatibility import misfits
from platform_core.training.registry import Guard, ModelRegistry
from platform_core.training.turns import Turns
from platform_core.training.types import ModelVersion, TrainedModel
from platform_core.urn import parse_urn, urn

_log = logging.getLogger(__name__)
ACTOR = "service:training"

Train = Callable[[ModelVersion, datetime | None], TrainedModel]
"""A model like this version, of newer data; of nothing older than the time, if there is one."""


class ModelResources(Protocol):
    """The control plane as this controller sees it: it reads specs and reports what it did."""

    def get(self, urn: str) -> Resource: ...
    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]: ...
    def report_status(self, urn: str, status: dict[str, Any]) -> None: ...


class TrainingRuns(OperationsRecorder, Protocol):
    def unfinished(self, job: str, tenant: str | None) -> list[JobRun]:
        """Runs that never said how they ended."""
        ...


class ModelUpkeep:
    """`step` does what is due and returns what is wrong, if anything. `in_background`: trainings do not hold it up."""

    def __init__(
        self,
        resources: ModelResources,
        registry: ModelRegistry,
        operations: TrainingRuns,
        clock: Clock,
        train: Train,
        *,
        catalog: Callable[[], Catalog],
        turns: Turns = Turns(),  # noqa: B008 - frozen
        in_background: bool = True,
    ) -> None:
        self._resources = resources
        self._registry = registry
        self._operations = operations
        self._clock = clock
        self._train = train
        self._catalog = catalog
        self._turns = turns
        self._in_background = in_background
        self._reporting = threading.Lock()
        self._training: dict[str, threading.Thread] = {}
        self._checked: dict[tuple[str, str], str | None] = {}

    def step(self) -> str | None:
        problems: list[str] = []
        for resource in self._resources.list(kind="model"):
            if isinstance(resource.spec, ModelSpec):
                problems += self._keep(resource, resource.spec)
        return "; ".join(problems) or None

    def wait(self, timeout: float) -> None:
        """For the trainings that are under way."""
        for thread in list(self._training.values()):
            thread.join(timeout)

    def _keep(self, resource: Resource, spec: ModelSpec) -> list[str]:
        name = parse_urn(resource.urn)[1]
        version, error = self._in_use(name)
        seen = {"production": version, "usable": version is not None and error is None}
        self._report(resource.urn, seen | ({} if error is None else {"unusable_because": error}))
        busy = self._training.get(name)
        if (busy is None or not busy.is_alive()) and spec.trainings > self._trained(resource.urn):
            self._begin(resource.urn, name, spec)
        return [] if error is None else [f"{name} version {version}: {error}"]

    def _in_use(self, name: str) -> tuple[str | None, str | None]:
        """The version in production, and why it cannot be used. Files are read once per version, then remembered;
        the catalog may change under a version at any time, and is asked every time."""
        found = [v for v in self._registry.list(name) if v.stage == "production"]
        if not found:
            return None, None
        version = found[-1].version
        key = name, version
        if key not in self._checked or self._checked[key] is not None:
            self._checked[key] = self._flaw(name, version)
        flaw = self._checked[key]
        return version, flaw or _misfit(found[-1], self._catalog())

    def _flaw(self, name: str, version: str) -> str | None:
        try:
            model = self._registry.load(name, version)
        except VigiaError as error:
            return error.message
        score = model.score_one(np.zeros(len(model.version.signature.features)))
        return None if 0 <= score <= 1 else f"it scores {score!r}"

    def _begin(self, resource: str, name: str, spec: ModelSpec) -> None:
        if not self._in_background:
            self._do(resource, name, spec)
            return
        thread = threading.Thread(target=self._do, args=(resource, name, spec), name=f"train-{name}", daemon=True)
        self._training[name] = thread
        thread.start()

    def _do(self, resource: str, name: str, spec: ModelSpec) -> None:
        """One training, unless another process is at it or has just done it."""
        try:
            # One turn for all that is asked for: what is asked for during a training waits for its end.
            with self._turns.held(name, "requests") as guard:
                if spec.trainings > self._trained(resource):
                    self._bury(name)
                    self._report(resource, {"state": "training"})
                    self._run(resource, name, spec, guard)
        except LeaseHeld as held:
            _log.info("%s", held)
        except VigiaError as error:
            _log.warning("training of %s: %s", name, error)  # the database is down, say: it is still to be done

    def _run(self, resource: str, name: str, spec: ModelSpec, guard: Guard) -> None:
        """A version in stage dev, or a failed run that says why. Either way it was done."""
        run = JobRun(
            id=new_id("run"),
            job=_job(name),
            subject=urn("model", name),
            started_at=self._clock.now(),
            status="running",
        )
        self._operations.record_job(run)
        try:
            trained = self._train(self._like(name), spec.train_since)
            version = self._registry.register(trained, name, ACTOR, guard=guard).version
        except LeaseHeld as lost:
            self._operations.record_job(self._ended(run, "cancelled", error=lost.message))
            raise
        except Exception as error:  # noqa: BLE001 - a thread nobody waits for: the training would never have ended
            said = error.message if isinstance(error, VigiaError) else f"{type(error).__name__}: {error}"
            _log.exception("training of %s failed", name)
            self._operations.record_job(self._ended(run, "failed", error=said))
            self._report(resource, {"state": "failed", "error": said, "trainings": spec.trainings})
        else:
            self._operations.record_job(self._ended(run, "succeeded", rows=trained.signature.rows))
            done = {"state": "idle", "trained": version, "error": None}
            self._report(resource, {**done, "trainings": spec.trainings})

    def _bury(self, name: str) -> None:
        """Runs of trainers that were killed: whoever has the lease knows that nobody is at them any more."""
        for run in self._operations.unfinished(_job(name), None):
            said = "it never said how it ended: its process was killed; it is done again"
            _log.warning("training of %s, run %s: %s", name, run.id, said)
            self._operations.record_job(self._ended(run, "failed", error=said))

    def _like(self, name: str) -> ModelVersion:
        """The version in production, or the newest where there is none."""
        versions = self._registry.list(name)
        if not versions:
            raise NotFound(f"no version of {name!r} is registered", hint="train the first one yourself")
        return next((v for v in reversed(versions) if v.stage == "production"), versions[-1])

    def _ended(self, run: JobRun, status: JobStatus, *, rows: int = 0, error: str | None = None) -> JobRun:
        ended = {"ended_at": self._clock.now(), "status": status, "rows": rows, "error": error}
        return run.model_copy(update=ended)

    def _trained(self, resource: str) -> int:
        """How many trainings are done, read after the thread was seen to have ended: it reports before it does."""
        return self._resources.get(resource).status.get("trainings", 0)

    def _report(self, resource: str, seen: dict[str, Any]) -> None:
        """Over what was reported before, so that a training and a look at production do not undo each other."""
        gone = {"unusable_because"} - seen.keys() if "usable" in seen else set[str]()
        with self._reporting:  # between the look and the report of one thread, none of the other's
            before = self._resources.get(resource).status
            status = {k: v for k, v in {**before, **seen}.items() if k not in gone}
            if status != before:  # else what another process reports at this moment would be undone for nothing
                self._resources.report_status(resource, status)


def _job(name: str) -> str:
    return urn("job", f"train-{name}")


def _misfit(version: ModelVersion, catalog: Catalog) -> str | None:
    """What serving would refuse it for."""
    problems = list(misfits(version.signature, catalog))
    return f"it does not fit the catalog: {'; '.join(problems)}" if problems else None
