"""What is served right now: a snapshot per endpoint, renewed in the background from the control plane.

A request takes one snapshot and keeps it to its end, so a swap drops nothing. A version that cannot be loaded never
replaces one that serves: the snapshot stays and the endpoint's status says why.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foundation.errors import InvalidInput, NotFound, VigiaError
from platform_core.catalog.specs import Catalog
from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.serving.ports import EndpointResources
from platform_core.training.registry import ModelRegistry
from platform_core.training.scoring import LoadedModel
from platform_core.urn import parse_urn

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedEndpoint:
    """An endpoint with its models in memory. `entities` and `inputs` are what a request must bring."""

    name: str
    tenant: str
    spec: RolloutSpec
    champion: LoadedModel
    canary: LoadedModel | None
    entities: tuple[str, ...]
    inputs: frozenset[str]

    @property
    def status(self) -> dict[str, Any]:
        canary = None if self.canary is None else self.canary.version.version
        serving = {"champion": self.champion.version.version, "canary": canary}
        return {"replicas_ready": self.spec.replicas, "serving": serving}


class EndpointDirectory:
    """Endpoints by name. `start` refreshes once and then every `interval` seconds of the wall in a thread."""

    def __init__(
        self, resources: EndpointResources, registry: ModelRegistry, catalog: Catalog, *, interval: float = 0.25
    ) -> None:
        self._resources = resources
        self._registry = registry
        self._catalog = catalog
        self._interval = interval
        self._served: Mapping[str, ServedEndpoint] = {}
        self._models: dict[tuple[str, str], LoadedModel] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._problems: Mapping[str, str] = {"control plane": "not read yet"}

    def get(self, name: str) -> ServedEndpoint:
        """Raises NotFound, naming the endpoints that there are."""
        try:
            return self._served[name]
        except KeyError as error:
            known = ", ".join(sorted(self._served)) or "none yet"
            raise NotFound(f"there is no endpoint {name!r}", hint=f"served: {known}") from error

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
        served: dict[str, ServedEndpoint] = {}
        problems: dict[str, str] = {}
        for resource in self._resources.list(kind="endpoint"):
            name = parse_urn(resource.urn)[1]
            current = self._served.get(name)
            try:
                served[name] = self._converge(name, resource, current)
                status = served[name].status
            except VigiaError as error:
                problems[name] = str(error)
                status = {**(current.status if current else {"replicas_ready": 0}), "error": str(error)}
                if current is not None:
                    served[name] = current
            if resource.status != status:
                self._resources.report_status(resource.urn, status)
        if not served and not problems:
            problems["endpoints"] = "the control plane knows none"
        self._served, self._problems = served, problems
        in_use = {(e.spec.model, m.version.version) for e in served.values() for m in (e.champion, e.canary) if m}
        self._models = {key: model for key, model in self._models.items() if key in in_use}

    def _converge(self, name: str, resource: Resource, current: ServedEndpoint | None) -> ServedEndpoint:
        spec = resource.spec
        if not isinstance(spec, RolloutSpec) or resource.tenant is None:
            raise InvalidInput(f"{resource.urn!r} is not an endpoint of a tenant", hint="an endpoint serves one tenant")
        if current is not None and (current.spec, current.tenant) == (spec, resource.tenant):
            return current
        champion = self._model(spec, spec.champion)
        canary = None if spec.canary is None else self._model(spec, spec.canary)
        entities, inputs = self._request_shape(spec.feature_service)
        return ServedEndpoint(name, resource.tenant, spec, champion, canary, entities, inputs)

    def _model(self, spec: RolloutSpec, version: str) -> LoadedModel:
        key = (spec.model, version)
        if key not in self._models:
            model = self._registry.load(*key, catalog=self._catalog)
            if model.version.signature.feature_service != spec.feature_service:
                raise InvalidInput(
                    f"{spec.model} version {version} was trained on {model.version.signature.feature_service!r}, "
                    f"the endpoint reads {spec.feature_service!r}"
                )
            self._models[key] = model
        return self._models[key]

    def _request_shape(self, service_name: str) -> tuple[tuple[str, ...], frozenset[str]]:
        service = next((s for s in self._catalog.feature_services if s.name == service_name), None)
        if service is None:
            raise NotFound(f"the catalog has no feature service {service_name!r}")
        views = [self._catalog.feature_view(feature.split(":", 1)[0]) for feature in service.features]
        entities = tuple(dict.fromkeys(view.entity for view in views))
        return entities, frozenset(field.name for field in service.request_fields)

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
