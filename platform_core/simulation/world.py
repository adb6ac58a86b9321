"""The simulated company as its own people can touch it: what faults act on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from foundation.clock import Clock
from platform_core.catalog.specs import Catalog
from platform_core.operations.resources import ControlPlane, DeploymentSpec
from platform_core.operations.timeline import OperationsReader, OperationsRecorder
from platform_core.simulation.company import Company
from platform_core.simulation.connector import Connector
from platform_core.simulation.control_plane import change
from platform_core.urn import urn


class OperationsLog(OperationsReader, OperationsRecorder, Protocol):
    """Reads and records."""


@dataclass
class World:
    clock: Clock
    catalog: Catalog
    resources: ControlPlane
    operations: OperationsLog
    company: Company
    connectors: dict[str, Connector]
    """By tenant."""

    train_flawed_model: Callable[[], str]
    """Runs the training pipeline with its bug, registers the model and returns the version."""

    legacy_traffic: bool = True
    """Whether the old batch clients still call fraud-legacy."""

    def deploy(self, service: str, version: str, *, author: str, reason: str) -> None:
        """Release `version` of an upstream service, as its team's pipeline does: a patch and a change event."""
        target = urn("deployment", service)
        spec = self.resources.get(target).spec
        if not isinstance(spec, DeploymentSpec) or spec.version == version:
            return
        change(
            self.resources,
            target,
            {"version": version, "previous_version": spec.version},
            actor=author,
            reason=reason,
        )
