"""How long decisions may take, and what may be spent on the way to them."""

from __future__ import annotations

from pydantic import Field

from foundation.frozen import Frozen


class ApprovalSettings(Frozen):
    expires_after_minutes: float = Field(default=30, gt=0, le=1440)
    """On the platform's clock."""

    grant_expires_after_minutes: float | None = Field(default=None, gt=0, le=1440)
    """How long an approval may wait to be executed; as long as a request waits for people when not set."""

    remind_after_minutes: float = Field(default=5, gt=0, le=1440)
    """Then those on call are told again; after twice as long the approvers are called, after four times the admins."""


class BudgetSettings(Frozen):
    """What may be spent on one incident, on one day (UTC) for everything, and on one day for one tenant. Beyond it the
    deterministic path finishes the job and the card says so."""

    incident_tokens: int = Field(default=200_000, ge=0)
    incident_usd: float = Field(default=2, ge=0, le=1e6)
    incident_tool_calls: int = Field(default=2_000, ge=0)
    incident_actions: int = Field(default=10, ge=0)
    incident_wall_seconds: int = Field(default=1200, ge=0)
    day_tokens: int = Field(default=10_000_000, ge=0)
    day_usd: float = Field(default=100, ge=0, le=1e6)
    day_tool_calls: int = Field(default=200_000, ge=0)
    day_actions: int = Field(default=500, ge=0)
    tenant_tokens: int = Field(default=5_000_000, ge=0)
    tenant_usd: float = Field(default=50, ge=0, le=1e6)
    tenant_tool_calls: int = Field(default=100_000, ge=0)
    tenant_actions: int = Field(default=200, ge=0)
