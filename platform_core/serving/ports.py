"""What the inference server needs of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from platform_core.operations.resources import ResourceReader


class RetrievedFeatures(Protocol):
    @property
    def values(self) -> Mapping[str, float | None]:
        """`view__feature` -> value; None where it is null, missing or expired."""
        ...

    @property
    def degraded(self) -> Sequence[str]:
        """Names of the features that were missing or expired."""
        ...


class FeatureRetriever(Protocol):
    """`platform_core.features.retrieval.OnlineRetriever`, or that behind a slow store."""

    def features(self, service: str, tenant: str, entities: dict[str, str]) -> RetrievedFeatures:
        """Raises Unavailable when the online store does not answer."""
        ...


class EndpointResources(ResourceReader, Protocol):
    """The control plane as the inference server sees it: it reads specs and reports what it serves."""

    def report_status(self, urn: str, status: dict[str, Any]) -> None: ...
