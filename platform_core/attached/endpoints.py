"""Endpoints of another platform, under our control plane.

An attached endpoint is a resource as every other: read, planned, approved, patched, audited and undone by the same
path. This controller keeps the two together, as controllers do: what the other platform has becomes a resource, a
change of the resource's spec is set there once, and what is seen there goes into the status. Somebody who changes the
endpoint on its own platform is not fought: the status says what differs until a person decides.

In the status, `asked_revision` is the newest one that was set there, and `applied_revision` the one that is in force
as the platform itself tells: traffic and instances are as it says, and nothing is under way. It is None when what is
in force there is no revision of ours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol

from foundation.errors import Conflict, InvalidInput, NotFound, VigiaError
from foundation.frozen import Frozen
from platform_core.access.principals import Environment
from platform_core.operations.resources import NO_SERVICE, Resource, RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.urn import urn

PLATFORM = "platform"
"""In a resource's status: where it is served. Our own inference server leaves such resources alone."""

TENANT_TAG, ENVIRONMENT_TAG = "vigia:tenant", "vigia:environment"
MODEL_TAG, SERVICE_TAG = "vigia:model", "vigia:feature_service"


class Variant(Frozen):
    """A version behind an endpoint. `weight`: its part of the traffic, relative to the others'. `instances` None where
    the platform scales it by itself. What was read is what is in force, not what is about to be."""

    name: str
    weight: float
    instances: int | None = None


class AttachedEndpoint(Frozen):
    name: str
    variants: tuple[Variant, ...]
    state: Literal["ready", "updating", "failed"]
    tags: dict[str, str]
    changed_at: datetime
    problem: str | None = None


class EndpointPlatform(Protocol):
    """Another platform's endpoints."""

    name: str

    def endpoints(self) -> list[AttachedEndpoint]:
        """Those that are tagged for us (TENANT_TAG), by name. Raises Forbidden, Unavailable."""
        ...

    def endpoint(self, name: str) -> AttachedEndpoint:
        """That one as it is now. Raises NotFound, Forbidden, Unavailable."""
        ...

    def set_variants(self, endpoint: str, variants: tuple[Variant, ...]) -> None:
        """Set weights, and instances where they are not None; variants that are not named stay. Returns when it was
        accepted, not when it is done. Raises NotFound, InvalidInput for a variant that is not there, Conflict while
        the endpoint is being updated, Forbidden, Unavailable."""
        ...


class AttachedEndpoints:
    """`converge` once in a while; it may be killed at any point and run again."""

    def __init__(self, platform: EndpointPlatform, resources: SqlResources, *, environment: Environment) -> None:
        self._platform = platform
        self._resources = resources
        self._environment: Environment = environment
        self._actor = f"service:{platform.name}"

    def converge(self) -> list[Resource]:
        """The attached endpoints of this environment, as they are now. Raises Unavailable, Forbidden when the platform
        cannot be asked: then nothing is changed."""
        found = {self._urn(each): each for each in self._platform.endpoints() if self._is_here(each)}
        known = {r.urn: r for r in self._resources.list(kind="endpoint") if self._is_ours(r)}
        for name, endpoint in found.items():
            self._converge(name, endpoint, known.get(name))
        for name in known.keys() - found.keys():
            # What was set there once is not set again should it come back, made anew by somebody.
            gone = {PLATFORM: self._platform.name, "state": "gone", "asked_revision": _asked(known[name])}
            self._resources.report_status(name, gone)
        return [r for r in self._resources.list(kind="endpoint") if self._is_ours(r)]

    def _converge(self, name: str, endpoint: AttachedEndpoint, resource: Resource | None) -> None:
        if resource is None:
            self._create(name, endpoint)
            return
        asked, error = _asked(resource), None
        if resource.revision > asked and isinstance(resource.spec, RolloutSpec):
            try:
                wanted = targets(resource.spec, endpoint)
                if wanted:
                    self._platform.set_variants(endpoint.name, wanted)
                    endpoint = self._platform.endpoint(endpoint.name)
                asked = resource.revision
            except VigiaError as failure:
                error = str(failure)
        self._resources.report_status(name, self._status(endpoint, resource, asked, error))

    def _create(self, name: str, endpoint: AttachedEndpoint) -> None:
        if endpoint.state == "updating" or not endpoint.variants:
            return  # nobody could say yet what it does
        status = {**self._seen(endpoint), "asked_revision": 1, "applied_revision": 1}
        try:
            self._resources.create(
                name,
                spec_of(endpoint),
                tenant=endpoint.tags[TENANT_TAG],
                environment=self._environment,
                status=status,
                actor=self._actor,
            )
        except Conflict:
            # Another process attached it at the same moment, or there is one of our own of that name.
            return

    def _status(self, endpoint: AttachedEndpoint, resource: Resource, asked: int, error: str | None) -> dict[str, Any]:
        status = self._seen(endpoint) | {"asked_revision": asked}
        differs = _differences(resource.spec, endpoint) if isinstance(resource.spec, RolloutSpec) else []
        if endpoint.state == "ready" and not differs:
            status["applied_revision"] = resource.revision
        else:
            unmoved = resource.status.get("variants") == status["variants"]
            status["applied_revision"] = resource.status.get("applied_revision") if unmoved else None
        problem = error or endpoint.problem
        if problem is not None:
            status["error"] = problem
        if differs and error is None and endpoint.state == "ready" and resource.revision == asked:
            status["differs"] = differs
        return status

    def _seen(self, endpoint: AttachedEndpoint) -> dict[str, Any]:
        return {
            PLATFORM: self._platform.name,
            "state": endpoint.state,
            "variants": {v.name: {"weight": v.weight, "instances": v.instances} for v in endpoint.variants},
        }

    def _is_here(self, endpoint: AttachedEndpoint) -> bool:
        return endpoint.tags.get(ENVIRONMENT_TAG, "production") == self._environment

    def _is_ours(self, resource: Resource) -> bool:
        return resource.status.get(PLATFORM) == self._platform.name and resource.environment == self._environment

    def _urn(self, endpoint: AttachedEndpoint) -> str:
        return urn("endpoint", f"{self._platform.name}.{endpoint.name.lower()}")


def spec_of(endpoint: AttachedEndpoint) -> RolloutSpec:
    """The variant with the most traffic is the champion; the next with any is the canary."""
    ordered = sorted(endpoint.variants, key=lambda v: (-v.weight, v.name))
    if not ordered:
        raise InvalidInput(f"the endpoint {endpoint.name!r} has no variant")
    champion, rest = ordered[0], [v for v in ordered[1:] if v.weight > 0]
    total = champion.weight + sum(v.weight for v in rest)
    return RolloutSpec(
        model=endpoint.tags.get(MODEL_TAG, endpoint.name),
        champion=champion.name,
        canary=rest[0].name if rest else None,
        canary_percent=round(100 * rest[0].weight / total) if rest else 0,
        feature_service=endpoint.tags.get(SERVICE_TAG, NO_SERVICE),
        replicas=min(champion.instances or 0, 64),
    )


def targets(spec: RolloutSpec, endpoint: AttachedEndpoint) -> tuple[Variant, ...]:
    """What has to be set so that `endpoint` does what `spec` says; empty when it does. Raises InvalidInput for a
    version that the endpoint does not have, and for a spec that another platform cannot follow."""
    known = {v.name: v for v in endpoint.variants}
    for version in (spec.champion, spec.canary):
        if version is not None and version not in known:
            hint = f"it has {', '.join(known)}; a new one takes a new endpoint configuration there"
            raise InvalidInput(f"the endpoint {endpoint.name!r} has no variant {version!r}", hint=hint)
    if spec.shadows or spec.strategy not in ("canary", "blue_green"):
        raise InvalidInput(f"an attached endpoint cannot {spec.strategy}", hint="canary and blue_green it can")
    wanted = dict.fromkeys(known, 0.0)
    if spec.canary is not None:
        wanted[spec.canary] = float(spec.live_percent)
    wanted[spec.champion] = 100.0 - (spec.live_percent if spec.canary is not None else 0)
    changed: list[Variant] = []
    shares = _shares(endpoint)
    for name, weight in wanted.items():
        had = known[name].instances
        instances = spec.replicas if name == spec.champion and had is not None and had != spec.replicas else None
        if abs(shares[name] - weight) > 0.5 or instances is not None:
            changed.append(Variant(name=name, weight=weight, instances=instances))
    # Weights are relative to each other: where one moves, all are said.
    moved = any(abs(shares[v.name] - v.weight) > 0.5 for v in changed)
    if not moved:
        return tuple(v.model_copy(update={"weight": known[v.name].weight}) for v in changed)
    said = {v.name: v for v in changed}
    return tuple(said.get(name) or Variant(name=name, weight=weight) for name, weight in wanted.items())


def _asked(resource: Resource) -> int:
    """The newest revision that was set there."""
    status = resource.status
    return int(status.get("asked_revision") or status.get("applied_revision") or 1)


def _shares(endpoint: AttachedEndpoint) -> dict[str, float]:
    """Percent of the traffic, by variant."""
    total = sum(v.weight for v in endpoint.variants) or 1.0
    return {v.name: 100 * v.weight / total for v in endpoint.variants}


def _differences(spec: RolloutSpec, endpoint: AttachedEndpoint) -> list[str]:
    try:
        wanted = targets(spec, endpoint)
    except (InvalidInput, NotFound) as error:
        return [str(error)]
    shares = _shares(endpoint)
    return [f"{v.name}: {shares[v.name]:.0f} % of the traffic there" for v in wanted]
