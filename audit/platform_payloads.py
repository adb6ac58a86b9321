"""What the payload holds of the kinds of entries that the platform itself writes (`audit.kinds`)."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from foundation.frozen import Frozen


class CatalogApplied(Frozen):
    environment: str = "production"
    version: int
    digest: str
    changes: list[dict[str, Any]]


class ModelRegistered(Frozen):
    version: str
    files: dict[str, str]
    data_digest: str
    code_version: str


class ModelSigned(Frozen):
    version: str
    manifest: str


class ModelPromoted(Frozen):
    model_config = ConfigDict(extra="allow")
    version: str
    to: str


class ModelJudged(Frozen):
    """`outcomes` by gate; the figures are in the row whose digest `verdicts` is, as canonical JSON."""

    review: str
    version: str
    to: str
    outcome: str
    outcomes: dict[str, str]
    verdicts: str
    artifact: str
    policy: str
    champion: str | None


class ModelRefused(Frozen):
    """What somebody was not let do with a model: train, promote, demote, sign; and the roles that they have there."""

    what: str
    environment: str
    roles: list[str]


class ResourceCreated(Frozen):
    spec: dict[str, Any]


class ResourcePatched(Frozen):
    before: dict[str, Any]
    after: dict[str, Any]
    revision: int
    reason: str
    change_event_id: str
    idempotency_key: str


class CallsRefused(Frozen):
    """How often somebody asked for scores of a tenant they were not granted, since the last entry that said so."""

    count: int


class ChangeTold(Frozen):
    change_event_id: str
    kind: str
    at: str


class PrincipalChanged(Frozen):
    """What was added or taken away, without any key: `keys` are the ids of those that changed."""

    roles: list[str] = Field(default_factory=list[str])
    tenants: list[str] = Field(default_factory=list[str])
    environments: list[str] = Field(default_factory=list[str])
    keys: list[str] = Field(default_factory=list[str])
    expires_at: str | None = None
