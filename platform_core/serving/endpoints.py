"""What is served right now: a snapshot per endpoint, renewed in the background from the control plane.

A request takes one snapshot and keeps it to its end, so a swap drops nothing. A version that cannot be loaded never
replaces one that serves: the snapshot stays and the endpoint's status says why.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundation.errors import InvalidInput, VigiaError
from platform_core.access.principals import Environment
from platform_core.catalog.specs import Catalog
from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.serving.ports import EndpointResources
from platform_core.serving.shape import RequestShape
from platform_core.training.registry import ModelRegistry
from platform_core.training.scoring import LoadedModel
from platform_core.urn import parse_urn

SPARE_MODELS = 4
"""Versions that are kept in memory though nothing serves them: rolling back to one of them loads nothing."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ServedEndpoint:
    """An endpoint with its models in memory. `shape` is what a request must bring; `orders` says by version where the
    model's columns stand among the shape's, None where they are the same. `shadows` score beside what is answered
    (those of them that did not answer)."""

    name: str
    tenant: str
    spec: RolloutSpec
    champion: LoadedModel
    canary: LoadedModel | None
    shape: RequestShape
    orders: Mapping[str, tuple[int, ...] | None]
    environment: Environment = "production"
    shadows: tuple[LoadedModel, ...] = ()
    standby: LoadedModel | None = None
    """What was champion before, kept in memory for the way back."""

    @property
    def models(self) -> tuple[LoadedModel, ...]:
        """All that are in memory for it."""
        return tuple(m for m in (self.champion, self.canary, self.standby, *self.shadows) if m is not None)

    @property
    def status(self) -> dict[str, Any]:
        canary = None if self.canary is None else self.canary.version.version
        serving = {"champion": self.champion.version.version, "canary": canary}
        return {"replicas_ready": self.spec.replicas, "serving": serving}


class EndpointDirectory:
    """Endpoints by name. `start` refreshes once and then every `interval` seconds of the wall in a thread. `gone` is
    told after each refresh which names are left."""

    def __init__(
        self,
        resources: EndpointResources,
        registry: ModelRegistry,
        catalog: Catalog,
        *,
        interval: float = 0.25,
        gone: Callable[[Collection[str]], None] | None = None,
    ) -> None:
        self._resources = resources
        self._registry = registry
        self._catalog = catalog
        self._interval = interval
        self._gone = gone or (lambda served: None)
        self._served: Mapping[str, ServedEndpoint] = {}
        self._models: dict[tuple[str, str], LoadedModel] = {}
        """In the order of their last use."""

        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._problems: Mapping[str, str] = {"control plane": "not read yet"}

    def find(self, name: str) -> ServedEndpoint | None:
        return self._served.get(name)

    def __iter__(self) -> Iterator[ServedEndpoint]:
        return iter(tuple(self._served.values()))

    @property
    def problems(self) -> Mapping[str, str]:
        """Why what is desired is not served, by endpoint; empty when all is well."""
        return self._problems

    def start(self) -> None:
        self._refresh_safely()
        self._thread = threading.Thread(target=self._run, name="endpoint-refresh", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def refresh(self) -> None:
        """Converge on the control plane's endpoints once. Raises Unavailable when it cannot be read."""
        before = self._served
        served: dict[str, ServedEndpoint] = {}
        reports: list[tuple[str, dict[str, Any]]] = []
        problems: dict[str, str] = {}
        resources = [each for each in self._resources.list(kind="endpoint") if not each.attached]
        # What needs no loading first, and in force at once: a rollback does not wait for another endpoint's new model.
        for resource in sorted(resources, key=self._to_load):
            name = parse_urn(resource.urn)[1]
            current = before.get(name)
            try:
                served[name] = self._converge(name, resource, current)
                status = served[name].status
                if served[name] is not current:
                    self._served = {**self._served, name: served[name]}
            except Exception as error:
                if not isinstance(error, VigiaError):
                    _logger.exception("endpoint %s could not be converged", name)
                problems[name] = _said(error)
                status = {**(current.status if current else {"replicas_ready": 0}), "error": _said(error)}
                if current is not None:
                    served[name] = current
            if resource.status != status:
                reports.append((resource.urn, status))
        if not served and not problems:
            problems["endpoints"] = "the control plane knows none"
        self._served, self._problems = served, problems
        in_use = {(e.spec.model, m.version.version) for e in served.values() for m in e.models}
        spare = [key for key in self._models if key not in in_use]
        for key in spare[: max(len(spare) - SPARE_MODELS, 0)]:
            del self._models[key]
        self._gone(self._served)
        self._report(reports)

    def _report(self, reports: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Last, and each for itself: what is served does not hang on whether it can be told."""
        for urn, status in reports:
            try:
                self._resources.report_status(urn, status)
            except Exception as error:
                if not isinstance(error, VigiaError):
                    _logger.exception("the status of %s could not be reported", urn)
                self._problems = {**self._problems, "control plane": _said(error)}

    def _converge(self, name: str, resource: Resource, current: ServedEndpoint | None) -> ServedEndpoint:
        spec = resource.spec
        if not isinstance(spec, RolloutSpec) or resource.tenant is None:
            raise InvalidInput(f"{resource.urn!r} is not an endpoint of a tenant", hint="an endpoint serves one tenant")
        if current is not None and (current.spec, current.tenant, current.environment) == (
            spec,
            resource.tenant,
            resource.environment,
        ):
            return current
        champion = self._model(spec, spec.champion)
        # Halting is what must never fail: a halted candidate need not load any more, nor does what scores beside.
        if spec.canary is None or spec.canary == spec.halted:
            canary = self._if_it_loads(spec, spec.canary)
        else:
            canary = self._model(spec, spec.canary)
        shape = RequestShape(self._catalog, spec.feature_service)
        _check_policy(spec, shape)
        beside = (self._if_it_loads(spec, version) for version in spec.shadow_versions)
        shadows = tuple(model for model in beside if model is not None)
        standby = self._if_it_loads(spec, spec.previous_champion)
        answering = (champion, canary) if canary is not None else (champion,)
        orders = {model.version.version: shape.order(model.version.signature) for model in answering}
        return ServedEndpoint(
            name, resource.tenant, spec, champion, canary, shape, orders, resource.environment, shadows, standby
        )

    def _if_it_loads(self, spec: RolloutSpec, version: str | None) -> LoadedModel | None:
        """For a version that answers nobody now: that it cannot be loaded keeps nobody from being served."""
        if version is None:
            return None
        try:
            return self._model(spec, version)
        except VigiaError as error:
            _logger.warning("%s version %s, which answers nobody now, cannot be loaded: %s", spec.model, version, error)
            return None

    def _to_load(self, resource: Resource) -> int:
        """How many of its models are not in memory."""
        spec = resource.spec
        if not isinstance(spec, RolloutSpec):
            return 0
        return sum((spec.model, version) not in self._models for version in spec.versions)

    def _model(self, spec: RolloutSpec, version: str) -> LoadedModel:
        key = (spec.model, version)
        model = self._models.pop(key, None)
        if model is None:
            model = self._registry.load(*key, catalog=self._catalog)
            if model.version.signature.feature_service != spec.feature_service:
                raise InvalidInput(
                    f"{spec.model} version {version} was trained on {model.version.signature.feature_service!r}, "
                    f"the endpoint reads {spec.feature_service!r}"
                )
        self._models[key] = model
        return model

    def _refresh_safely(self) -> None:
        try:
            self.refresh()
        except VigiaError as error:
            self._problems = {"control plane": str(error)}
        except Exception:
            _logger.exception("the endpoints could not be refreshed")
            self._problems = {"control plane": "the last refresh failed unexpectedly; see the log"}

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._refresh_safely()


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, VigiaError) else "it failed unexpectedly; see the log"


def _check_policy(spec: RolloutSpec, shape: RequestShape) -> None:
    """Raises InvalidInput for a fallback that names what the service does not have: it would be found out in need."""
    unknown = sorted(spec.serving.default_features.keys() - set(shape.features))
    if unknown:
        known = ", ".join(shape.features)
        raise InvalidInput(f"serving.default_features: {unknown[0]!r} is no feature here", hint=f"features: {known}")
    for rule in spec.serving.rules:
        if rule.input not in shape.inputs:
            known = ", ".join(shape.inputs)
            raise InvalidInput(f"serving.rules: {rule.input!r} is no input here", hint=f"inputs: {known}")
