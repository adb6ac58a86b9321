"""Settings of registered models: whose signatures count, and where training runs are mirrored."""

from __future__ import annotations

from pydantic import Field

from foundation.frozen import Frozen


class MlflowSettings(Frozen):
    """Where training runs and versions are mirrored. Credentials of a server come from MLflow's own variables."""

    tracking_uri: str | None = None
    """http://host:5000, or sqlite:////path/mlflow.db; without it runs are kept as files in the data directory."""


class ModelSettings(Frozen):
    """Registered models: whose signature is enough to load one, besides that of our own key."""

    mlflow: MlflowSettings = MlflowSettings()

    trusted: dict[str, str] = Field(default_factory=dict)
    """By a name of your choice: verifier keys of others whose models are loaded here; `vigia models key` prints one."""

    max_bytes: int = Field(default=536_870_912, ge=1024)
    """Of all files of one version; a larger one is not loaded."""

    max_payments: int = Field(default=20_000_000, ge=1000)
    """Of the window of one training; more are refused before memory runs out."""
