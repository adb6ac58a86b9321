"""The brake: gives all traffic of an endpoint back to its champion. Always allowed, to whoever may see the endpoint.

A change in production takes a person's decision (`guardrails.policy`). The brake is no way around that, as it can do
one thing only: end the exposure that was decided on before. What then answers every request is the champion, which was
approved; model, features, thresholds and replicas stay as they are, and letting the candidate answer again, promoting
or removing it are actions that a person decides. It is the platform's own, like a fuse: it works with guardrails,
agents and worker switched off, and no freeze and no kill switch holds it back.
"""

from __future__ import annotations

from typing import Protocol

from foundation.errors import Conflict, InvalidInput
from foundation.ids import new_id
from platform_core.operations.resources import Resource, ResourceReader, ResourceWriter
from platform_core.operations.rollout_spec import RolloutSpec
from platform_core.serving.rollouts import states
from platform_core.urn import urn

_TRIES = 5


class Control(ResourceReader, ResourceWriter, Protocol):
    """The control plane, both ways."""


class Brake:
    """Holds the control plane, and hands on nothing of it but the halting of a rollout."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def halt(self, endpoint: str, *, actor: str, reason: str) -> Resource:
        """Halt the rollout of `endpoint`; one that is halted already stays so and is returned as it is.

        Somebody else's change at the same moment does not keep it from happening. Raises NotFound for another endpoint,
        Conflict when nothing is being rolled out there.
        """
        name = urn("endpoint", endpoint)
        for attempt in range(1, _TRIES + 1):
            resource = self._control.get(name)
            fields = states.halt(spec_of(resource))
            if not fields:
                return resource
            try:
                return self._control.patch(
                    name,
                    fields,
                    expected_revision=resource.revision,
                    idempotency_key=new_id("halt"),
                    actor=actor,
                    reason=reason,
                ).resource
            except Conflict:
                if attempt == _TRIES:
                    raise
        raise AssertionError("the last try returns or raises")


def spec_of(resource: Resource) -> RolloutSpec:
    """Its rollout. Raises InvalidInput for what is no endpoint."""
    if not isinstance(resource.spec, RolloutSpec):
        raise InvalidInput(f"{resource.urn!r} is a {resource.spec.kind}, not an endpoint")
    return resource.spec
