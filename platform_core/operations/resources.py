"""The control plane's view of the platform: resources with a desired `spec`, an observed `status` and a revision.

Everything an action can change is a field of a resource's spec: a connector's desired state, a deployment's version, a
source's quarantine, an endpoint's rollout and replicas. One mechanism then gives every action a dry-run diff (spec
before and after), an optimistic lock (`revision`), an undo (the fields as they were) and a change event. The shape
follows the Kubernetes object model (spec, status, resourceVersion). Controllers (connectors, materialization, the
inference server) converge on the spec within a second and report back through `status`, which does not move the
revision.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from foundation.frozen import Frozen
from platform_core.access.principals import Environment
from platform_core.operations.model_spec import ModelSpec
from platform_core.operations.rollout_spec import RolloutSpec


class ConnectorSpec(Frozen):
    """urn:vigia:connector:<source>: carries events from a source's topic into the offline store."""

    kind: Literal["connector"] = "connector"
    source: str
    desired: Literal["running", "paused"] = "running"
    restarts: int = 0
    """Raise by one to restart a failed connector."""


class DeploymentSpec(Frozen):
    """urn:vigia:deployment:<service>: an upstream service that writes to a source, e.g. `ingest-br`."""

    kind: Literal["deployment"] = "deployment"
    service: str
    source: str
    version: str
    previous_version: str | None = None


class SourceSpec(Frozen):
    """urn:vigia:source:<name>: how its rows are read by materialization."""

    kind: Literal["source"] = "source"
    quarantine_since: datetime | None = None
    """Rows with event_ts at or after this are not materialized; online values are those of just before (last known
    good), and materialization keeps them so until the quarantine is released."""

    field_mapping: dict[str, str] = Field(default_factory=dict)
    """Catalog column name -> name it has in the stored table today (after an upstream rename)."""


class JobSpec(Frozen):
    """urn:vigia:job:<name>: a recurring or one-off job (materialization, compaction, export)."""

    kind: Literal["job"] = "job"
    desired: Literal["running", "cancelled"] = "running"
    subject: str
    """URN of what it works on: a feature view, a store."""


class MonitorSpec(Frozen):
    """urn:vigia:monitor:<name>: a check and the baseline it compares with."""

    kind: Literal["monitor"] = "monitor"
    subject: str
    threshold: float
    baseline_since: datetime | None = None
    """Compare with what came after this time only; set when a population has changed for good."""

    silenced_until: datetime | None = None


Spec = Annotated[
    ConnectorSpec | DeploymentSpec | SourceSpec | JobSpec | RolloutSpec | MonitorSpec | ModelSpec,
    Field(discriminator="kind"),
]


NO_SERVICE = "-"
"""The feature service of an attached endpoint that does not say which it reads."""


class Resource(Frozen):
    urn: str
    tenant: str | None
    environment: Environment
    spec: Spec
    status: dict[str, Any] = Field(default_factory=dict)
    """What the controller saw last, e.g. `{"state": "failed", "error": "…", "at": "…"}`."""

    revision: int
    updated_at: datetime

    @property
    def attached(self) -> bool:
        """Whether another platform serves it (`platform_core.attached`): what runs here leaves it alone."""
        return "platform" in self.status


class ResourceChange(Frozen):
    """The answer to a patch. `replayed` is true when the idempotency key had been used: nothing happened again."""

    resource: Resource
    previous: dict[str, Any]
    """The patched fields as they were: a patch that undoes this one."""

    change_event_id: str
    replayed: bool = False


class ResourceReader(Protocol):
    def get(self, urn: str) -> Resource:
        """Raises NotFound, naming the nearest known URN."""
        ...

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]: ...


class ResourceWriter(Protocol):
    def patch(
        self,
        urn: str,
        fields: dict[str, Any],
        *,
        expected_revision: int,
        idempotency_key: str,
        actor: str,
        reason: str,
    ) -> ResourceChange:
        """Set `fields` of the spec, in one transaction with its change event and its audit entry.

        Raises Conflict when the revision moved, InvalidInput when the new spec does not validate. A key used before
        returns the first answer with `replayed=True` and changes nothing.
        """
        ...

    def find(self, idempotency_key: str) -> ResourceChange | None:
        """The change made under this key, if there was one: how a caller that crashed learns what happened."""
        ...

    def withdraw(self, idempotency_key: str, *, actor: str) -> ResourceChange | None:
        """See to it that nothing happens under this key any more; the change, when it was too late for that.

        Whoever gives up on a change asks this, not `find`: a request that is still on its way then meets Conflict.
        """
        ...


class ControlPlane(ResourceReader, ResourceWriter, Protocol):
    """Both halves, and what the platform's own processes do: bring things under control and say how they are."""

    def create(
        self,
        urn: str,
        spec: Spec,
        *,
        tenant: str | None = None,
        environment: Environment = "production",
        status: dict[str, Any] | None = None,
        actor: str,
    ) -> Resource:
        """Bring a resource under control at revision 1. Raises Conflict when it is there already."""
        ...

    def report_status(self, urn: str, status: dict[str, Any]) -> None:
        """What the controller sees now, for what it saw before. Moves no revision."""
        ...
