"""What the inference server needs of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from platform_core.features.online.batch import ValueStatus
from platform_core.features.values import FeatureValue
from platform_core.operations.resources import ResourceReader

Keys = tuple[str, ...]
"""Of one row: the entity key for each of the reader's views, in their order."""


class FeatureRows(NamedTuple):
    """What was read for many rows: a list per feature, in the order of the reader's columns, with an element per row.
    A value is None wherever its status is not `present`. Where all are present and the same for every row (there is
    one row, or nothing to read) only `whole` is given."""

    values: Sequence[Sequence[FeatureValue]]
    statuses: Sequence[Sequence[ValueStatus]]
    whole: Sequence[FeatureValue] | None = None


class FeatureReader(Protocol):
    """Reads what one endpoint's feature service needs, for its tenant, in one round trip for all rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """`view__feature`, in the service's order."""
        ...

    @property
    def ask(self) -> Callable[[Sequence[Keys]], Awaitable[FeatureRows]] | None:
        """`read` without blocking, where the store can do that; None where a thread has to wait for it."""
        ...

    def read(self, rows: Sequence[Keys]) -> FeatureRows:
        """Blocks. Raises Unavailable when the online store does not answer."""
        ...

    def observe(self, seconds: float) -> None:
        """A read took so long."""
        ...


class FeatureSource(Protocol):
    def reader(self, service: str, tenant: str) -> FeatureReader:
        """Raises NotFound for a service or tenant that is not there, InvalidInput for a feature no model can read."""
        ...

    def close(self) -> None:
        """Let go of what was opened for an event loop, on that loop."""


class EndpointResources(ResourceReader, Protocol):
    """The control plane as the inference server sees it: it reads specs and reports what it serves."""

    def report_status(self, urn: str, status: dict[str, Any]) -> None: ...


class RequestKeys(Protocol):
    """How the keys of a row are made of the entities of a request."""

    def __call__(self, entities: Mapping[str, str]) -> Keys: ...
