"""The sections of what serves, and of what asks it in the simulation."""

from __future__ import annotations

from pydantic import AnyHttpUrl, Field

from foundation.frozen import Frozen
from foundation.secrets.setting import Secret


class ServingSettings(Frozen):
    """The inference server and its control API. The token is the platform's write credential: the serving process
    checks it, the worker's executor presents it, nobody else is given it."""

    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=65535)
    base_url: AnyHttpUrl | None = None
    control_token: Secret | None = None
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that share the port. One that ends unasked is started again."""

    drain_seconds: float = Field(default=1, ge=0, le=300)
    """After SIGTERM: how long `/readyz` says 503 while everything is still answered."""

    traced_share: float = Field(default=0.01, ge=0, le=1)
    """Share of the predictions that leave a trace."""


class SimulationSettings(Frozen):
    host: str = "127.0.0.1"
    port: int = Field(default=8082, ge=0, le=65535)
    seed: int = Field(default=7, ge=0)
    token: Secret | None = None
    """Bearer token of the simulation's own API (status, faults)."""

    serving_key: Secret | None = None
    """API key of its checkouts, which ask the inference server for scores."""

    deliver_alerts: bool = True
    """Whether its monitors post to the copilot; off where Prometheus and Alertmanager do."""
