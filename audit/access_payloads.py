"""What the payload holds of entries about who may do what, and what others told us (`audit.kinds`)."""

from __future__ import annotations

from pydantic import Field

from foundation.frozen import Frozen


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
